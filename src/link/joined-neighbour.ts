/** A neighbour over all media by which it can be reached: what fails on the best one goes by the next. */
import type { NodeId } from '../identity/node-id.ts';
import { failed } from './failures.ts';
import { MOST_FRAGMENTS, MOST_PUSHED_FRAGMENTS } from './fragments.ts';
import {
  isWithin,
  LinkFailed,
  type LinkQuality,
  type Neighbour,
  type OutgoingTransfer,
  type Reach,
  type Rec,
  type SendOptions,
  type Sent,
} from './link.ts';
import type { NodeLink } from './node-link.ts';
import type { ByteRange } from './ranges.ts';

/** Failures of one medium, not of the neighbour or of what was to be sent. */
const OF_THE_MEDIUM: ReadonlySet<LinkFailed['reason']> = new Set([
  'no-answer',
  'queue-full',
  'law',
  'over-budget',
  'disk',
  'radio',
  'unconnected',
]);

export class JoinedNeighbour implements Neighbour {
  readonly id: NodeId;
  /** The best way first; asked anew each time. */
  readonly #ways: () => readonly [NodeLink, ...NodeLink[]];

  constructor(id: NodeId, ways: () => readonly [NodeLink, ...NodeLink[]]) {
    this.id = id;
    this.#ways = ways;
  }

  get quality(): LinkQuality {
    return this.#best.quality;
  }
  get linked(): boolean {
    return this.#ways().some((link) => link.isLinked(this.id));
  }
  get medium(): string {
    return this.#best.medium;
  }
  airtime(bytes: number): number | undefined {
    return this.#best.airtime(bytes);
  }
  get recordRoom(): number {
    return this.#best.recordRoom;
  }
  get burstRoom(): number {
    return this.#best.burstRoom;
  }
  get twoFrameRoom(): number {
    return this.#best.twoFrameRoom;
  }
  nextTransferId(): number | undefined {
    return this.#best.nextTransferId();
  }

  /** A record that has become too long, its way having gone, fails as one without an answer does. */
  send(record: Rec, options: SendOptions): Promise<Sent> {
    return this.#byOneOf(options.reach ?? 'all', (way) =>
      record.body.length <= way.recordRoom
        ? way.send(record, options)
        : Promise.reject(failed('unconnected')),
    );
  }

  mention(record: Rec): boolean {
    return this.#best.mention(record);
  }

  /** By the best way only: what was offered on one medium is not expected on another. */
  transfer(transfer: OutgoingTransfer, options: SendOptions): Promise<Sent> {
    const [link] = this.#ways();
    const way = link.neighbour(this.id);
    const most = ((transfer.pushed ? MOST_PUSHED_FRAGMENTS : MOST_FRAGMENTS) * way.twoFrameRoom) / 2;
    if (link.isTransferring(this.id, transfer.id)) return Promise.reject(failed('queue-full'));
    // cut for a medium that has gone since
    if (transfer.bytes.length > most) return Promise.reject(failed('unconnected'));
    return way.transfer(transfer, options);
  }

  expect(transferId: number, objectId: Uint8Array, size: number): readonly ByteRange[] {
    return this.#best.expect(transferId, objectId, size);
  }

  get #best(): Neighbour {
    return this.#ways()[0].neighbour(this.id);
  }

  /** Rejects with what was wrong with the best way, where none of the others could make up for it. */
  async #byOneOf(reach: Reach, say: (way: Neighbour) => Promise<Sent>): Promise<Sent> {
    const tried = new Set<NodeLink>();
    let first: LinkFailed | undefined;
    for (;;) {
      // who is best may have changed with the failure
      const link = this.#ways().find((way) => !tried.has(way) && isWithin(reach, way.isWired));
      if (!link) throw first ?? failed('unconnected');
      tried.add(link);
      try {
        return await say(link.neighbour(this.id));
      } catch (e) {
        if (!(e instanceof LinkFailed) || !OF_THE_MEDIUM.has(e.reason)) throw e;
        first ??= e;
      }
    }
  }
}
