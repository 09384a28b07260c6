/** Beacon, kind 0: a box is there (docs/protocol/mesh.md). */
import { decode, Writer } from '../core/bytes.ts';
import type { NodeId } from '../identity/node-id.ts';
import { nodeIdFrom } from '../identity/node-id.ts';
import { firstByte, KIND } from '../link/frame.ts';

/** Capability bits (docs/protocol/mesh.md, "Beacon"). */
export const CAPABILITY = { relay: 1, gateway: 2, storage: 4, nxsByte: 8, wasm: 16, hub: 32 } as const;

export interface Beacon {
  readonly nodeId: NodeId;
  readonly capabilities: number;
  readonly tariffTier: number;
  readonly load: number;
}

/** The whole frame, 21 bytes; no options are sent now. */
export function encodeBeacon(b: Beacon): Uint8Array {
  return new Writer(21)
    .u8(firstByte(KIND.beacon))
    .raw(b.nodeId)
    .u16(b.capabilities)
    .u8(b.tariffTier)
    .u8(b.load)
    .bytes();
}

/** A beacon from a whole frame, its options skipped; undefined where it is malformed. */
export function decodeBeacon(frame: Uint8Array): Beacon | undefined {
  return decode(frame, (r) => {
    r.u8();
    const nodeId = nodeIdFrom(r.raw(16));
    const beacon = { nodeId, capabilities: r.u16(), tariffTier: r.u8(), load: r.u8() };
    while (r.left > 0) {
      r.u8();
      r.raw(r.u8());
    }
    return beacon;
  });
}
