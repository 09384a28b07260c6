/** Announce, kind 1: who a node is, signed by itself (docs/protocol/mesh.md). */
import { concat, decode, EMPTY, Writer } from '../core/bytes.ts';
import { SIGNATURE_LENGTH, verify } from '../crypto/signatures.ts';
import type { Identity } from '../identity/keys.ts';
import type { NodeId } from '../identity/node-id.ts';
import { nodeIdFrom, nodeIdOf } from '../identity/node-id.ts';
import { firstByte, KIND } from '../link/frame.ts';
import { MOST_SEQUENCE } from './freshness.ts';
import { COST_LENGTH, OWN_COST, type PathCost, readCost, writeCost } from './metric.ts';

const BOOTED = 0x01;
const MAILBOXES = 0x06;
const PREKEY = 0x08;
const KNOWN_FLAGS = BOOTED | MAILBOXES | PREKEY;
/** The whole frame, without mailboxes and prekey. */
export const ANNOUNCE_LENGTH = 125;
const PREKEY_LENGTH = 41;
export const MOST_MAILBOXES = 2;

export interface Announce {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly nodeId: NodeId;
  readonly sequence: bigint;
  /** x_0 of the freshness chain, 8 bytes. */
  readonly anchor: Uint8Array;
  readonly booted: boolean;
  readonly capabilities: number;
  /** 3 bytes; zero: no tariff. */
  readonly tariff: Uint8Array;
  readonly mailboxes: readonly NodeId[];
  /** Prekey id 1 ‖ prekey 32 ‖ sequence 8, kept as it came; empty where there is none. */
  readonly prekey: Uint8Array;
  /** Outside the signature: that of a path from whoever sent it on. Nobody's word until a neighbour's digest says it. */
  readonly cost: PathCost;
}

export type OwnAnnounce = Pick<Announce, 'sequence' | 'anchor' | 'booted' | 'capabilities'> & {
  /** At most two; none unless said. */
  readonly mailboxes?: readonly NodeId[];
};

const NO_TARIFF = new Uint8Array(3);

/** The whole frame of a node's own announce, 125 bytes and 16 for each of at most two mailboxes. */
export function encodeAnnounce(identity: Identity, a: OwnAnnounce): Uint8Array {
  const { mailboxes = [] } = a;
  if (mailboxes.length > MOST_MAILBOXES) throw new RangeError('an announce names at most two mailboxes');
  const fields = new Writer(64)
    .raw(identity.publicKey)
    .u64(a.sequence)
    .raw(a.anchor)
    .u8((a.booted ? BOOTED : 0) | (mailboxes.length << 1))
    .u16(a.capabilities)
    .raw(NO_TARIFF)
    .raw(concat(...mailboxes))
    .bytes();
  const cost = writeCost(new Writer(COST_LENGTH), OWN_COST).bytes();
  return concat(Uint8Array.of(firstByte(KIND.announce)), fields, identity.sign('announce', fields), cost);
}

/** An announce as this node sends it on: the same but for the path cost. */
export function announceThrough(frame: Uint8Array, cost: PathCost): Uint8Array {
  const signed = frame.subarray(0, frame.length - COST_LENGTH);
  return concat(signed, writeCost(new Writer(COST_LENGTH), cost).bytes());
}

export type AnnounceRefusal = 'malformed' | 'bad-signature';

/** An announce from a whole frame, its signature verified. */
export function decodeAnnounce(frame: Uint8Array): Announce | AnnounceRefusal {
  const parsed = decode(frame, (r) => {
    r.u8();
    const publicKey = r.raw(32).slice();
    const sequence = r.u64();
    if (sequence >= MOST_SEQUENCE) return undefined;
    const anchor = r.raw(8).slice();
    const flags = r.u8();
    if ((flags & ~KNOWN_FLAGS) !== 0) return undefined;
    const capabilities = r.u16();
    const tariff = r.raw(3).slice();
    const count = (flags & MAILBOXES) >> 1;
    if (count > MOST_MAILBOXES) return undefined;
    const mailboxes = Array.from({ length: count }, () => nodeIdFrom(r.raw(16).slice()));
    const prekey = flags & PREKEY ? r.raw(PREKEY_LENGTH).slice() : EMPTY;
    const signed = frame.subarray(1, r.at);
    const signature = r.raw(SIGNATURE_LENGTH);
    const cost = readCost(r);
    const booted = (flags & BOOTED) !== 0;
    const announce = { publicKey, sequence, anchor, booted, capabilities, tariff, mailboxes, prekey, cost };
    return { announce, signed, signature };
  });
  if (!parsed) return 'malformed';
  const { announce, signed, signature } = parsed;
  if (!verify(announce.publicKey, signature, 'announce', signed)) return 'bad-signature';
  return { ...announce, nodeId: nodeIdOf(announce.publicKey) };
}
