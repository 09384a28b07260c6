/**
 * What is heard on one medium: every frame is read once, and handed to whomever its form concerns (docs/protocol/link.md).
 */
import { toHex } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { NodeId } from '../identity/node-id.ts';
import type { ConnectedNodes } from './connected-nodes.ts';
import type { Deliveries } from './deliveries.ts';
import {
  FOLLOWS,
  type Message1Form,
  type Message2Form,
  readFrame,
  type SealedForm,
  type SharedForm,
} from './frame.ts';
import type { IncomingTransfers } from './incoming.ts';
import type { LooseFrame } from './link.ts';
import type { Medium, Reception } from './medium.ts';
import type { Peers } from './peers.ts';
import type { Live, Sessions } from './sessions.ts';
import type { SharedFrames } from './shared-frames.ts';
import { ANSWER_WINDOW, earliestAnswer } from './timing.ts';

export interface ReceiverOptions {
  readonly medium: Medium;
  readonly sessions: Sessions;
  readonly peers: Peers;
  readonly connected: ConnectedNodes;
  readonly shared: SharedFrames;
  readonly incoming: IncomingTransfers;
  readonly deliveries: Deliveries;
  /** Whether a handshake of `from` is answered, which costs so much airtime. */
  readonly mayAnswer: (from: NodeId, airtimeMs: number) => boolean;
  readonly loose: (frame: LooseFrame) => void;
  /** A frame of that node has opened. */
  readonly alive: (id: NodeId) => void;
  readonly refused: (reason: string) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export class Receiver {
  readonly #o: ReceiverOptions;

  constructor(options: ReceiverOptions) {
    this.#o = options;
  }

  receive(bytes: Uint8Array, reception: Reception): void {
    const { connected, loose, refused, sessions } = this.#o;
    const frame = readFrame(bytes);
    if (typeof frame === 'string') refused(frame);
    else if (frame.form === 'loose') loose({ kind: frame.kind, bytes, reception });
    else if (frame.form === 'message-1') {
      const costs = sessions.costs(bytes, frame);
      connected.inTurn(costs, reception, (at) => this.#invited(bytes, frame, at));
    } else if (frame.form === 'message-2') {
      const costs = sessions.hasBegun(frame);
      connected.inTurn(costs, reception, (at) => this.#finished(frame, at));
    } else if (frame.form === 'shared') this.#shared(frame, reception);
    else this.#sealed(frame, reception);
  }

  #invited(bytes: Uint8Array, frame: Message1Form, reception: Reception): void {
    const { mayAnswer, medium, refused, sessions } = this.#o;
    const response = sessions.respond(bytes, frame, this.#now());
    if (typeof response === 'string') refused(response);
    else if (!mayAnswer(response.from, medium.airtime(response.message2.length) ?? 0))
      refused('too-many-strangers');
    else void this.#answerWith(response.message2, reception);
  }

  async #answerWith(frame: Uint8Array, { at, via }: Reception): Promise<void> {
    const { clock, medium } = this.#o;
    const frames = [frame];
    await clock.sleep(at + earliestAnswer(medium) - clock.monotonic());
    await medium.submit({
      priority: 0,
      fairnessKey: undefined,
      via,
      estimatedBytes: frame.length,
      answerUntil: at + ANSWER_WINDOW,
      next: () => frames.shift(),
    });
  }

  #finished(frame: Message2Form, reception: Reception): void {
    const { log, refused, sessions } = this.#o;
    const live = sessions.finish(frame, this.#now());
    if (!live) {
      refused('other');
      return;
    }
    log.debug({ peer: toHex(live.peer) }, 'session begun');
    this.#alive(live, reception);
  }

  #sealed(frame: SealedForm, reception: Reception): void {
    const { deliveries, incoming, refused, sessions } = this.#o;
    const opened = sessions.open(frame, this.#now());
    if (typeof opened === 'string') {
      refused(opened);
      return;
    }
    const { live } = opened;
    if (opened.restarted) incoming.forgetPushed(live.peer, live.index);
    this.#alive(live, reception);
    deliveries.handle({
      ...{ live, content: opened.content, counter: frame.counter, via: reception.via },
      askedAt: frame.follows === FOLLOWS.answer ? reception.at : undefined,
    });
  }

  #shared(frame: SharedForm, reception: Reception): void {
    const { alive, peers, shared } = this.#o;
    shared.received(frame, (from) => {
      peers.get(from).heard(reception);
      this.#believeAgain(from);
      alive(from);
    });
  }

  /** It has its keys, so most likely its sessions too: tries that went unanswered were lost. Once, for it may not. */
  #believeAgain(id: NodeId): void {
    const { peers, sessions } = this.#o;
    const doubted = sessions.of(id).filter((live) => live.suspect && !live.believedAgain);
    if (doubted.length === 0) return;
    for (const live of doubted) live.believedAgain = true;
    peers.believe(id, doubted);
  }

  #alive({ peer: id }: Live, reception: Reception): void {
    const { alive, connected, peers } = this.#o;
    const peer = peers.get(id);
    if (reception.via !== undefined) connected.proven(id, reception.via);
    peer.heard(reception);
    peer.conversation.sessionsChanged();
    alive(id);
  }

  #now(): number {
    return this.#o.clock.monotonic();
  }
}
