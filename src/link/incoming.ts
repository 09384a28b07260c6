/**
 * Transfers that come in, under way and completed (docs/protocol/link.md, "Transfers"). Bounded for each neighbour and
 * for all, and no fragment costs more where there are more of them: what was touched longest ago goes first.
 */
import { toHex } from '../core/bytes.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { type Content, ExpectedContent, type PartialObject, PushedContent } from './content.ts';
import type { Bitmap, Fragment } from './fragments.ts';
import type { Rec } from './link.ts';
import { CONTENT_KEPT, PartialObjects } from './partial-objects.ts';
import type { ByteRange } from './ranges.ts';

/** ms: how long the answer to a completed transfer is kept. */
const ANSWER_KEPT = 600_000;
/** Transfers of one neighbour, under way or completed; of all neighbours; of all that were pushed and are under way. */
const MOST_OF_ONE = 16;
const MOST = 1024;
const MOST_PUSHED = 32;
const LARGEST = 0xffff;
/** A sender may have cut as it likes: an `accept` that names so many ranges fits the smallest frame there is. */
const MOST_RANGES = 32;

/** How a completed transfer was answered, to answer a repeated fragment again. */
export type TransferReply = { readonly record: Rec } | { readonly loose: Uint8Array };

type State =
  | { readonly is: 'receiving'; readonly content: Content }
  | { readonly is: 'complete'; readonly bitmap: Bitmap; reply: TransferReply | undefined };

interface Transfer {
  readonly key: string;
  readonly peer: string;
  readonly pushed: boolean;
  state: State;
  touchedAt: number;
}

/** Touched longest ago first. */
type Line = Set<Transfer>;

export type FragmentResult =
  /** Neither pushed nor expected (any more). */
  | { readonly is: 'unknown' }
  /** It contradicts what came before. */
  | { readonly is: 'refused'; readonly bitmap: Bitmap }
  | { readonly is: 'partial'; readonly bitmap: Bitmap }
  /** The last missing one: the bytes are given once. `answered` remembers the reply. */
  | {
      readonly is: 'complete';
      readonly bitmap: Bitmap;
      readonly bytes: Uint8Array;
      answered(reply: TransferReply): void;
    }
  /** Of a transfer that was complete before. */
  | { readonly is: 'repeated'; readonly bitmap: Bitmap; readonly reply: TransferReply | undefined };

export class IncomingTransfers {
  /** By peer, session (of pushed ones) and id; touched longest ago first. */
  readonly #transfers = new Map<string, Transfer>();
  readonly #expected: Line = new Set();
  readonly #pushed: Line = new Set();
  readonly #complete: Line = new Set();
  /** All of one peer. */
  readonly #ofPeer = new Map<string, Line>();
  readonly #partials = new PartialObjects((peer, partial) => this.#partialGone(peer, partial));

  /**
   * An accepted transfer is to come; gives ranges of the object that are here already. A size that no transfer has
   * was an offerer's idea: nothing of it will be taken.
   */
  expect(from: NodeId, id: number, objectId: Uint8Array, size: number, now: number): readonly ByteRange[] {
    this.sweep(now);
    const peer = nodeIdKey(from);
    const key = expectedKey(peer, id);
    this.#remove(this.#transfers.get(key));
    if (size < 1 || size > LARGEST) return [];
    const partial = this.#partials.offered(peer, toHex(objectId), size, now);
    const state = { is: 'receiving' as const, content: new ExpectedContent(partial) };
    this.#put({ key, peer, pushed: false, state, touchedAt: now });
    return partial.ranges.slice(0, MOST_RANGES);
  }

  /** Takes a fragment that came from a node under the session with this index. */
  fragment(from: NodeId, session: number, fragment: Fragment, now: number): FragmentResult {
    this.sweep(now);
    const peer = nodeIdKey(from);
    const key = fragment.pushed ? pushedKey(peer, session, fragment.id) : expectedKey(peer, fragment.id);
    const transfer = this.#transfers.get(key) ?? (fragment.pushed ? newPushed(key, peer, now) : undefined);
    if (!transfer) return { is: 'unknown' };
    const { state } = transfer;
    if (state.is === 'complete') return { is: 'repeated', bitmap: state.bitmap, reply: state.reply };
    const { content } = state;
    if (!content.add(fragment)) return { is: 'refused', bitmap: content.bitmap(fragment.id) };
    transfer.touchedAt = now;
    if (content instanceof ExpectedContent) this.#partials.touch(content.partial, now);
    this.#put(transfer);
    const bitmap = content.bitmap(fragment.id);
    const bytes = content.whole;
    if (!bytes) return { is: 'partial', bitmap };
    if (content instanceof ExpectedContent) this.#partials.drop(content.partial);
    const complete = { is: 'complete' as const, bitmap, reply: undefined as TransferReply | undefined };
    this.#completed(transfer, complete);
    return {
      is: 'complete',
      bitmap,
      bytes,
      answered: (reply) => {
        complete.reply = reply;
      },
    };
  }

  /** The sender has forgotten what it pushed in a session, and gives those ids anew. */
  forgetPushed(from: NodeId, session: number): void {
    const peer = nodeIdKey(from);
    const begin = pushedKey(peer, session, '');
    for (const transfer of this.#ofPeer.get(peer) ?? [])
      if (transfer.key.startsWith(begin)) this.#remove(transfer);
  }

  /** Forgets what nothing has touched for too long. */
  sweep(now: number): void {
    this.#sweepLine(this.#complete, now, ANSWER_KEPT);
    this.#sweepLine(this.#pushed, now, CONTENT_KEPT);
    this.#sweepLine(this.#expected, now, CONTENT_KEPT);
    this.#partials.sweep(now);
  }

  #sweepLine(line: Line, now: number, kept: number): void {
    for (const transfer of line) {
      if (now - transfer.touchedAt < kept) return;
      this.#remove(transfer);
    }
  }

  #lineOf({ pushed, state }: Transfer): Line {
    if (state.is === 'complete') return this.#complete;
    return pushed ? this.#pushed : this.#expected;
  }

  #put(transfer: Transfer): void {
    this.#remove(transfer);
    const own = this.#ofPeer.get(transfer.peer) ?? new Set();
    this.#ofPeer.set(transfer.peer, own);
    for (const line of [own, this.#lineOf(transfer)]) line.add(transfer);
    this.#transfers.set(transfer.key, transfer);
    if (own.size > MOST_OF_ONE) this.#removeFirst(own);
    if (this.#pushed.size > MOST_PUSHED) this.#removeFirst(this.#pushed);
    if (this.#transfers.size > MOST) this.#removeFirst(this.#transfers.values());
  }

  #removeFirst(line: Iterable<Transfer>): void {
    const [first] = line;
    this.#remove(first);
  }

  #remove(transfer: Transfer | undefined): void {
    if (!transfer || !this.#transfers.delete(transfer.key)) return;
    this.#lineOf(transfer).delete(transfer);
    const own = this.#ofPeer.get(transfer.peer);
    own?.delete(transfer);
    if (own?.size === 0) this.#ofPeer.delete(transfer.peer);
  }

  #completed(transfer: Transfer, state: State): void {
    this.#lineOf(transfer).delete(transfer);
    transfer.state = state;
    this.#complete.add(transfer);
  }

  /** With it go the transfers that were filling it. */
  #partialGone(peer: string, partial: PartialObject): void {
    for (const transfer of this.#ofPeer.get(peer) ?? []) {
      const { state } = transfer;
      const fills =
        state.is === 'receiving' &&
        state.content instanceof ExpectedContent &&
        state.content.partial === partial;
      if (fills) this.#remove(transfer);
    }
  }
}

const expectedKey = (peer: string, id: number) => `${peer} expected ${id}`;
const pushedKey = (peer: string, session: number, id: number | '') => `${peer} ${session} ${id}`;

function newPushed(key: string, peer: string, now: number): Transfer {
  return {
    key,
    peer,
    pushed: true,
    state: { is: 'receiving', content: new PushedContent() },
    touchedAt: now,
  };
}
