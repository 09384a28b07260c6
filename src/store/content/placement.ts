/** One shard of a durable object and who keeps it, as it is stored (docs/protocol/store.md, "Content on disk"). */
import { decode, Writer } from '../../core/bytes.ts';
import type { ValueCodec } from '../../db/db.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdFrom } from '../../identity/node-id.ts';
import { decodeHeader, encodeHeader, HEADER_LENGTH, type ObjectHeader } from '../object.ts';
import type { Token } from './proofs.ts';
import { NONCE_LENGTH, TAG_LENGTH } from './records.ts';

export interface Placement {
  /** Of the shard, an object of its own. */
  readonly header: ObjectHeader;
  /** The neighbour that keeps it; undefined: one is wanted. */
  readonly holder: NodeId | undefined;
  /** Own time, ms, of the last proof, or since when it is kept. */
  readonly provenAt: number;
  /** Own time, ms, of the next challenge. */
  readonly challengeAt: number;
  /** Challenges in a row that it did not answer. */
  readonly misses: number;
  /** Not asked yet. */
  readonly tokens: readonly Token[];
}

/** header 60 | has holder u8 | [holder 16] | proven at u64 | challenge at u64 | misses u8 | tokens: count u8, 16 each. */
export const placementValue: ValueCodec<Placement> = {
  encode(p) {
    const w = new Writer(256).raw(encodeHeader(p.header)).u8(p.holder ? 1 : 0);
    if (p.holder) w.raw(p.holder);
    w.u64(BigInt(Math.ceil(p.provenAt))).u64(BigInt(Math.ceil(p.challengeAt)));
    w.u8(p.misses).u8(p.tokens.length);
    for (const { nonce, tag } of p.tokens) w.raw(nonce).raw(tag);
    return w.bytes();
  },
  decode(bytes) {
    const placement = decode(bytes, (r): Placement | undefined => {
      const header = decodeHeader(r.raw(HEADER_LENGTH));
      const holder = r.u8() ? nodeIdFrom(r.raw(NODE_ID_LENGTH)) : undefined;
      const [provenAt, challengeAt] = [Number(r.u64()), Number(r.u64())];
      const misses = r.u8();
      const tokens = Array.from({ length: r.u8() }, () => ({
        nonce: r.raw(NONCE_LENGTH),
        tag: r.raw(TAG_LENGTH),
      }));
      if (typeof header === 'string') return undefined;
      return { header, holder, provenAt, challengeAt, misses, tokens };
    });
    if (!placement) throw new Error('a damaged placement in the database');
    return placement;
  },
};
