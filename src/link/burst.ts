/**
 * What goes out on one grant of the channel: a frame of records, or a burst of fragments, whose last frame asks for
 * an answer (docs/protocol/link.md, "Records", "Transfers"). Each frame is built when the one before is out.
 */
import type { Clock } from '../core/clock.ts';
import type { NodeId } from '../identity/node-id.ts';
import type { Errand, Errands, RecordErrand, TransferErrand } from './errands.ts';
import { FOLLOWS, SEALED_OVERHEAD } from './frame.ts';
import type { Rec } from './link.ts';
import type { Medium } from './medium.ts';
import type { OwedRecords } from './owed-records.ts';
import { encodeRecords } from './records.ts';
import type { Live, Sessions } from './sessions.ts';
import { burstLength } from './timing.ts';

/** The frame that asked for an answer, and what it or the burst before it carried. */
export interface Asked {
  readonly live: Live;
  readonly n: bigint;
  readonly errands: readonly Errand[];
}

export interface BurstOptions {
  readonly peer: NodeId;
  readonly medium: Medium;
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly errands: Errands;
  readonly owed: OwedRecords;
}

/** The frames for the most urgent errand at this moment; `onAsked` is told when the last one is built. */
export function* burst(options: BurstOptions, onAsked: (asked: Asked) => void): Generator<Uint8Array> {
  const { peer, sessions, clock, errands } = options;
  const lead = errands.first;
  const live = lead && sessions.current(peer, clock.monotonic());
  if (!lead) yield* owedAlone(options);
  else if (live && lead.kind === 'record') yield recordFrame(options, live, lead, onAsked);
  else if (live && lead.kind === 'transfer') yield* fragmentFrames(options, live, lead, onAsked);
}

function recordFrame(
  options: BurstOptions,
  live: Live,
  lead: RecordErrand,
  onAsked: (asked: Asked) => void,
): Uint8Array {
  const packed = options.errands.pack(lead, roomOf(options));
  const records = packed.map((e) => e.record);
  return asking(options, live, packed, records, onAsked);
}

function* fragmentFrames(
  options: BurstOptions,
  live: Live,
  errand: TransferErrand,
  onAsked: (asked: Asked) => void,
): Generator<Uint8Array> {
  // what a session carried of a pushed transfer has gone with it
  if (errand.pushed && errand.live && errand.live !== live) errand.fragments.restart();
  errand.live = live;
  const indices = nextIndices(options.medium, errand);
  const last = indices.pop();
  if (last === undefined) return;
  for (const index of indices) {
    // between two frames the errand may be done, and the session at its end
    if (errand.done || live.session.ended) return;
    errand.unasked++;
    const content = encodeRecords([errand.fragments.record(index)]);
    yield live.session.seal(content, FOLLOWS.burst, options.clock.monotonic()).frame;
  }
  if (errand.done || live.session.ended) return;
  errand.unasked = 0;
  yield asking(options, live, [errand], [errand.fragments.record(last)], onAsked);
}

/** A burst; after one that was cut (the law may do that), only the next fragment, which asks about all of them. */
function nextIndices(medium: Medium, { fragments, unasked }: TransferErrand): number[] {
  const most = burstLength(medium.airtime(medium.mtu));
  return unasked === 0 ? fragments.burst(most) : fragments.burst(unasked + 1).slice(-1);
}

/** A frame that asks for an answer, with what is owed. */
function asking(
  options: BurstOptions,
  live: Live,
  errands: readonly Errand[],
  records: readonly Rec[],
  onAsked: (asked: Asked) => void,
): Uint8Array {
  const now = options.clock.monotonic();
  const content = encodeRecords(options.owed.ride(live, records, roomOf(options)));
  const { frame, n } = live.session.seal(content, FOLLOWS.answer, now);
  for (const errand of errands) if (errand.first?.live !== live) errand.first = { live, n };
  live.usedAt = now;
  onAsked({ live, n, errands });
  return frame;
}

/** What is owed asks for nothing, alone. */
function* owedAlone(options: BurstOptions): Generator<Uint8Array> {
  const live = options.owed.session;
  if (!live) return;
  const content = encodeRecords(options.owed.ride(live, [], roomOf(options)));
  yield live.session.seal(content, FOLLOWS.nothing, options.clock.monotonic()).frame;
}

function roomOf({ medium }: BurstOptions): number {
  return medium.mtu - SEALED_OVERHEAD;
}
