/** A medium moves frames between neighbours: LoRa, the LAN (docs/protocol/link.md, "Frames", "The LAN"). */
import type { Event } from '../core/events.ts';

/** P0 control, P1 messages, P2 standard, P3 bulk. */
export type Priority = 0 | 1 | 2 | 3;

/** Where frames go: to all whom a medium reaches, or by one of its connections. */
export interface Destination {
  readonly medium: string;
  /** What the medium calls the connection; undefined where it has none, and for all of them. */
  readonly via?: string | undefined;
}

/** How a frame was heard: also the way back to whoever sent it. */
export interface Reception extends Destination {
  /** Undefined on media without radio. */
  readonly rssiDbm: number | undefined;
  readonly snrDb: number | undefined;
  /** `Clock.monotonic()` at the end of the frame. */
  readonly at: number;
}

/** What waits for the channel. Frames are built when the channel is won, so that late news rides along. */
export interface Outgoing {
  readonly priority: Priority;
  /** Whom turns are shared between: a neighbour's NodeId in hex, or undefined for broadcasts. */
  readonly fairnessKey: string | undefined;
  /** The connection by which it goes; undefined: all there are. */
  readonly via?: string | undefined;
  /** The expected length of the first frame, for the queue's bound and the law's check. */
  readonly estimatedBytes: number;
  /**
   * An answer within an announced window (150 ms after a frame that asked for it): sent without contention, before
   * anything else; dropped (`refused: 'late'`) when the window has passed.
   */
  readonly answerUntil?: number;
  /**
   * The next frame to send, at most `mtu` bytes; asked again after each one is out, until undefined: a burst is
   * sent back to back on one grant. Undefined at once: there is nothing to say any more.
   */
  next(): Uint8Array | undefined;
}

export type Submission =
  | {
      readonly sent: true;
      readonly frames: number;
      readonly bytes: number;
      readonly airtimeMs: number;
      readonly endedAt: number;
    }
  /**
   * `law`: the allowance would be exceeded within the time that the priority may wait; nothing was sent.
   * `unconnected`: there is no connection by which it could go.
   */
  | {
      readonly sent: false;
      readonly refused: 'queue-full' | 'late' | 'law' | 'radio' | 'unconnected' | 'stopped' | 'nothing';
    };

/** Of a medium whose frames go by connections, each to one node, not to whoever hears them. */
export interface Connections {
  /** One has come about, or has ended. Whose it is shows when a frame opens that came by it. */
  readonly onChange: Event<{ readonly via: string; readonly up: boolean }>;
  /** Those there are. */
  readonly open: readonly string[];
  /** A frame of `owner` (any name of a node) has opened that came by it: of other nodes, none displaces it. */
  prove(via: string, owner: string, isStranger: boolean): void;
}

export interface Medium {
  readonly name: string;
  /** The largest frame, bytes. */
  readonly mtu: number;
  /** ms on air of a frame of so many bytes; undefined where the medium has no airtime (LAN). */
  airtime(bytes: number): number | undefined;
  /** Queues one grant's worth of frames; resolves when it is out or refused. Never rejects. */
  submit(outgoing: Outgoing): Promise<Submission>;
  /** Undefined where frames go to whoever hears them. */
  readonly connections?: Connections | undefined;
  /** What was received, as it came. */
  readonly onFrame: Event<{ readonly bytes: Uint8Array; readonly reception: Reception }>;
}
