/** One object for one recipient, and how it is stored (docs/protocol/store.md, "Trace"). */
import { decode, type Reader, toHex, Writer } from '../core/bytes.ts';
import { LOCK_LENGTH, SECRET_LENGTH } from '../crypto/lock.ts';
import { SIGNATURE_LENGTH } from '../crypto/signatures.ts';
import type { ValueCodec } from '../db/db.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdFrom, nodeIdFromKey } from '../identity/node-id.ts';
import { isObjectPriority, type ObjectId, type ObjectPriority, objectIdFrom } from './object.ts';
import { TRIED_REASONS, type Trace, type Tried } from './trace.ts';

export interface Holding {
  readonly id: ObjectId;
  readonly lock: Uint8Array;
  readonly recipient: NodeId;
  /** The neighbour it first came from; undefined: it was written here. */
  readonly from: NodeId | undefined;
  /** That neighbour was no contact then, and does not pay: its objects share the strangers' part. */
  readonly stranger: boolean;
  /** It was taken without a way, for a neighbour whose mailbox this is: it is kept until its time to live ends. */
  readonly pending: boolean;
  /** Log byte, as in the header. */
  readonly ttl: number;
  readonly priority: ObjectPriority;
  readonly minBandwidth: number;
  /** Bytes of the object. */
  readonly size: number;
  /** Own time, ms: its state is what it is since then. */
  readonly since: number;
  /** ms that its bytes were held for somebody, in earlier states. */
  readonly heldMs: number;
  /** Own time, ms: it goes then, and its trace. */
  readonly expiresAt: number;
  readonly trace: Trace;
}

/** States in which the bytes are here. */
export function hasBytes({ from, trace }: Holding): boolean {
  return trace.state === 'held' || (!from && trace.state === 'handed-on');
}

export const TRACE_STATES = ['held', 'handed-on', 'dropped', 'receipted', 'unreadable'] as const;
const FLAG = { from: 1, stranger: 2, pending: 4 } as const;
const FOR_EVER = 0xffffffffffffffffn;

/**
 * state u8 | flags u8 (bit 0 `from` follows, bit 1 stranger, bit 2 pending) | id 32 | lock 16 | recipient 16 | [from 16] | ttl u8 |
 * priority u8 | min_bandwidth u32 | size u32 | since u64 | held ms u64 | expires at u64 | givers: count u8, 16 each | by state:
 * held, handed-on, dropped: [taker 16] | attempt u8 | sequence u16 | hops left u8 | asks u8 | ask at u64 | tried: count u8,
 * (neighbour 16 | reason u8 | until u64) each; receipted: secret 16; unreadable: signature 64.
 */
export const holdingValue: ValueCodec<Holding> = {
  encode(h) {
    const { from, trace } = h;
    const w = new Writer(192)
      .u8(TRACE_STATES.indexOf(trace.state))
      .u8((from ? FLAG.from : 0) | (h.stranger ? FLAG.stranger : 0) | (h.pending ? FLAG.pending : 0))
      .raw(h.id)
      .raw(h.lock)
      .raw(h.recipient);
    if (from) w.raw(from);
    w.u8(h.ttl).u8(h.priority).u32(h.minBandwidth).u32(h.size);
    w.u64(timeOf(h.since)).u64(timeOf(h.heldMs)).u64(timeOf(h.expiresAt));
    w.u8(trace.givers.length);
    for (const giver of trace.givers) w.raw(nodeIdFromKey(giver));
    if (trace.state === 'receipted') return w.raw(trace.secret).bytes();
    if (trace.state === 'unreadable') return w.raw(trace.signature).bytes();
    if (trace.state === 'handed-on') w.raw(nodeIdFromKey(trace.taker));
    w.u8(trace.attempt).u16(trace.sequence).u8(trace.hopsLeft).u8(trace.asks).u64(timeOf(trace.askAt));
    w.u8(trace.tried.length);
    for (const { neighbour, reason, until } of trace.tried)
      w.raw(nodeIdFromKey(neighbour)).u8(TRIED_REASONS.indexOf(reason)).u64(timeOf(until));
    return w.bytes();
  },
  decode(bytes) {
    const holding = decode(bytes, (r): Holding | undefined => {
      const state = TRACE_STATES[r.u8()];
      const flags = r.u8();
      const holding = {
        id: objectIdFrom(r.raw(32)),
        lock: r.raw(LOCK_LENGTH),
        recipient: nodeIdFrom(r.raw(NODE_ID_LENGTH)),
        from: flags & FLAG.from ? nodeIdFrom(r.raw(NODE_ID_LENGTH)) : undefined,
        stranger: (flags & FLAG.stranger) !== 0,
        pending: (flags & FLAG.pending) !== 0,
        ttl: r.u8(),
        priority: r.u8(),
        minBandwidth: r.u32(),
        size: r.u32(),
        since: readTime(r),
        heldMs: readTime(r),
        expiresAt: readTime(r),
      };
      const { priority } = holding;
      const trace = state && readTrace(r, state);
      return trace && isObjectPriority(priority) ? { ...holding, priority, trace } : undefined;
    });
    if (!holding) throw new Error('a damaged trace in the database');
    return holding;
  },
};

function readTrace(r: Reader, state: Trace['state']): Trace | undefined {
  const givers = Array.from({ length: r.u8() }, () => toHex(r.raw(NODE_ID_LENGTH)));
  if (state === 'receipted') return { state, givers, secret: r.raw(SECRET_LENGTH) };
  if (state === 'unreadable') return { state, givers, signature: r.raw(SIGNATURE_LENGTH) };
  const taker = state === 'handed-on' ? toHex(r.raw(NODE_ID_LENGTH)) : '';
  const attempt = r.u8();
  const sequence = r.u16();
  const hopsLeft = r.u8();
  const asks = r.u8();
  const askAt = readTime(r);
  const tried: Tried[] = [];
  for (let left = r.u8(); left > 0; left--) {
    const neighbour = toHex(r.raw(NODE_ID_LENGTH));
    const reason = TRIED_REASONS[r.u8()];
    if (!reason) return undefined;
    tried.push({ neighbour, reason, until: readTime(r) });
  }
  const underway = { attempt, sequence, givers, hopsLeft, tried, asks, askAt };
  return state === 'handed-on' ? { state, taker, ...underway } : { state, ...underway };
}

/** All bits set stand for ever. */
function timeOf(ms: number): bigint {
  return ms === Infinity ? FOR_EVER : BigInt(Math.ceil(ms));
}

function readTime(r: Reader): number {
  const time = r.u64();
  return time === FOR_EVER ? Infinity : Number(time);
}
