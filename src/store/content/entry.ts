/** One object of the library, and how it is stored (docs/protocol/store.md, "Content on disk"). */
import { concat, Reader, Writer } from '../../core/bytes.ts';
import type { ValueCodec } from '../../db/db.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdFrom } from '../../identity/node-id.ts';
import { HASH_LENGTH, pieces } from '../merkle.ts';
import { decodeHeader, encodeHeader, type ObjectHeader } from '../object.ts';

/**
 * `partial`: some of its chunks may be here; `whole`; `away`: its bytes have been let go, for its shards are elsewhere;
 * `leaving`: it is being removed.
 */
export const ENTRY_STATE = ['partial', 'whole', 'away', 'leaving'] as const;
export type EntryState = (typeof ENTRY_STATE)[number];

/** Whose it is: written here, fetched for somebody here, or kept for a neighbour. */
export type Origin = 'own' | 'fetched' | NodeId;

export interface Entry {
  readonly state: EntryState;
  readonly origin: Origin;
  /** Own time, ms. */
  readonly expiresAt: number;
  readonly header: ObjectHeader;
  /** The roots of its pages of leaves, once it is whole. */
  readonly pageRoots: readonly Uint8Array[];
}

const ORIGIN = { own: 0, fetched: 1, neighbour: 2 } as const;

/** state u8 | origin u8 | [neighbour 16] | expires at u64 | header: length u8, bytes | page roots, 32 each. */
export const entryValue: ValueCodec<Entry> = {
  encode({ state, origin, expiresAt, header, pageRoots }) {
    const own = typeof origin === 'string';
    const w = new Writer(128).u8(ENTRY_STATE.indexOf(state)).u8(own ? ORIGIN[origin] : ORIGIN.neighbour);
    if (!own) w.raw(origin);
    const encoded = encodeHeader(header);
    w.u64(BigInt(Math.ceil(expiresAt)))
      .u8(encoded.length)
      .raw(encoded)
      .raw(concat(...pageRoots));
    return w.bytes();
  },
  decode(bytes) {
    const r = new Reader(bytes);
    const state = ENTRY_STATE[r.u8()];
    const origin = originFrom(r, r.u8());
    const expiresAt = Number(r.u64());
    const header = decodeHeader(r.raw(r.u8()));
    if (!state || !origin || typeof header === 'string' || r.left % HASH_LENGTH !== 0)
      throw new Error('a damaged object in the database');
    const pageRoots = r.left > 0 ? pieces(r.rest(), HASH_LENGTH) : [];
    return { state, origin, expiresAt, header, pageRoots };
  },
};

function originFrom(r: Reader, kind: number): Origin | undefined {
  if (kind === ORIGIN.own) return 'own';
  if (kind === ORIGIN.fetched) return 'fetched';
  return kind === ORIGIN.neighbour ? nodeIdFrom(r.raw(NODE_ID_LENGTH)) : undefined;
}
