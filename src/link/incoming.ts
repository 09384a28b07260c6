/**
 * Transfers that come in, and what is kept of those that did not come through (docs/protocol/link.md, "Transfers").
 * Bounded for each neighbour and for all: where memory runs short, what was touched longest ago goes.
 */
import { toHex } from '../core/bytes.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { type Content, ExpectedContent, PartialObject, PushedContent } from './content.ts';
import type { Bitmap, Fragment } from './fragments.ts';
import type { Rec } from './link.ts';
import type { ByteRange } from './ranges.ts';

/** ms: how long the answer to a completed transfer is kept. */
const ANSWER_KEPT = 600_000;
/** ms: and partial content, whose sender may have spent its hour's airtime in the middle of a burst. */
const CONTENT_KEPT = 9_000_000;
/** Bytes of expected content, of one neighbour and of all. */
const MOST_BYTES_OF_ONE = 65_536;
const MOST_BYTES = 262_144;
/** Transfers of one neighbour, under way or completed; of all that were pushed and are under way. */
const MOST_OF_ONE = 16;
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
  readonly peer: string;
  readonly pushed: boolean;
  state: State;
  touchedAt: number;
}

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
  /** By peer and object id; touched longest ago first. */
  readonly #partials = new Map<string, { readonly peer: string; readonly partial: PartialObject }>();

  /**
   * An accepted transfer is to come; gives ranges of the object that are here already. A size that no transfer has
   * was an offerer's idea: nothing of it will be taken.
   */
  expect(from: NodeId, id: number, objectId: Uint8Array, size: number, now: number): readonly ByteRange[] {
    this.sweep(now);
    const peer = nodeIdKey(from);
    this.#transfers.delete(expectedKey(peer, id));
    if (size < 1 || size > LARGEST) return [];
    const key = `${peer} ${toHex(objectId)}`;
    const known = this.#partials.get(key)?.partial;
    if (known && known.bytes.length !== size) this.#removePartial(key, known);
    const partial = known?.bytes.length === size ? known : new PartialObject(size, now);
    partial.touchedAt = now;
    this.#partials.delete(key);
    this.#makeRoom(peer, size);
    this.#partials.set(key, { peer, partial });
    this.#put(expectedKey(peer, id), {
      peer,
      pushed: false,
      state: { is: 'receiving', content: new ExpectedContent(partial) },
      touchedAt: now,
    });
    return partial.ranges.slice(0, MOST_RANGES);
  }

  /** Takes a fragment that came from a node under the session with this index. */
  fragment(from: NodeId, session: number, fragment: Fragment, now: number): FragmentResult {
    this.sweep(now);
    const peer = nodeIdKey(from);
    const key = fragment.pushed ? pushedKey(peer, session, fragment.id) : expectedKey(peer, fragment.id);
    const transfer = this.#transfers.get(key) ?? (fragment.pushed ? newPushed(peer, now) : undefined);
    if (!transfer) return { is: 'unknown' };
    const { state } = transfer;
    if (state.is === 'complete') return { is: 'repeated', bitmap: state.bitmap, reply: state.reply };
    const { content } = state;
    if (!content.add(fragment)) return { is: 'refused', bitmap: content.bitmap(fragment.id) };
    transfer.touchedAt = now;
    if (content instanceof ExpectedContent) this.#touchPartial(content.partial, now);
    this.#put(key, transfer);
    const bitmap = content.bitmap(fragment.id);
    const bytes = content.whole;
    if (!bytes) return { is: 'partial', bitmap };
    if (content instanceof ExpectedContent) this.#dropPartial(content.partial);
    const complete = { is: 'complete' as const, bitmap, reply: undefined as TransferReply | undefined };
    transfer.state = complete;
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
    const begin = pushedKey(nodeIdKey(from), session, '');
    for (const key of this.#transfers.keys()) if (key.startsWith(begin)) this.#transfers.delete(key);
  }

  /** Forgets what nothing has touched for too long. */
  sweep(now: number): void {
    for (const [key, transfer] of this.#transfers) {
      const kept = transfer.state.is === 'complete' ? ANSWER_KEPT : CONTENT_KEPT;
      if (now - transfer.touchedAt >= kept) this.#transfers.delete(key);
    }
    for (const [key, { partial }] of this.#partials) {
      if (now - partial.touchedAt >= CONTENT_KEPT) this.#removePartial(key, partial);
    }
  }

  #put(key: string, transfer: Transfer): void {
    this.#transfers.delete(key);
    this.#transfers.set(key, transfer);
    const own = [...this.#transfers].filter(([, t]) => t.peer === transfer.peer);
    if (own.length > MOST_OF_ONE && own[0]) this.#transfers.delete(own[0][0]);
    const pushed = [...this.#transfers].filter(([, t]) => t.pushed && t.state.is === 'receiving');
    if (pushed.length > MOST_PUSHED && pushed[0]) this.#transfers.delete(pushed[0][0]);
  }

  #makeRoom(peer: string, size: number): void {
    const bytesOf = (all: [string, { peer: string; partial: PartialObject }][]) =>
      all.reduce((sum, [, p]) => sum + p.partial.bytes.length, 0);
    for (;;) {
      const all = [...this.#partials];
      const own = all.filter(([, p]) => p.peer === peer);
      const victims = bytesOf(own) + size > MOST_BYTES_OF_ONE ? own : all;
      if (bytesOf(own) + size <= MOST_BYTES_OF_ONE && bytesOf(all) + size <= MOST_BYTES) return;
      const first = victims[0];
      if (!first) return;
      this.#removePartial(first[0], first[1].partial);
    }
  }

  #touchPartial(partial: PartialObject, now: number): void {
    partial.touchedAt = now;
    for (const [key, entry] of this.#partials) {
      if (entry.partial !== partial) continue;
      this.#partials.delete(key);
      this.#partials.set(key, entry);
      return;
    }
  }

  #dropPartial(partial: PartialObject): void {
    for (const [key, entry] of this.#partials) if (entry.partial === partial) this.#partials.delete(key);
  }

  /** With the transfers that were filling it. */
  #removePartial(key: string, partial: PartialObject): void {
    this.#partials.delete(key);
    for (const [k, { state }] of this.#transfers) {
      const fills =
        state.is === 'receiving' &&
        state.content instanceof ExpectedContent &&
        state.content.partial === partial;
      if (fills) this.#transfers.delete(k);
    }
  }
}

const expectedKey = (peer: string, id: number) => `${peer} expected ${id}`;
const pushedKey = (peer: string, session: number, id: number | '') => `${peer} ${session} ${id}`;

function newPushed(peer: string, now: number): Transfer {
  return {
    peer,
    pushed: true,
    state: { is: 'receiving', content: new PushedContent() },
    touchedAt: now,
  };
}
