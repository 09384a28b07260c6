/** Beacon, kind 0: a box is there (docs/protocol/mesh.md). */
import { decode, EMPTY, Writer } from '../core/bytes.ts';
import type { NodeId } from '../identity/node-id.ts';
import { nodeIdFrom } from '../identity/node-id.ts';
import { firstByte, KIND } from '../link/frame.ts';

/** Capability bits (docs/protocol/mesh.md, "Beacon"). */
export const CAPABILITY = { relay: 1, gateway: 2, storage: 4, nxsByte: 8, wasm: 16, hub: 32 } as const;

/** Option: the box has booted, proven by a step of its chain that it had not released before. */
const BOOTED = 1;
const STEP_LENGTH = 8;

export interface Beacon {
  readonly nodeId: NodeId;
  readonly capabilities: number;
  readonly tariffTier: number;
  /** How full its queue is, of 255. */
  readonly load: number;
  /** The step of its chain that comes with the first beacon of a boot; undefined in all others. */
  readonly booted: Uint8Array | undefined;
}

/** The whole frame: 21 bytes, 31 with `booted`. */
export function encodeBeacon(b: Beacon): Uint8Array {
  const w = new Writer(31)
    .u8(firstByte(KIND.beacon))
    .raw(b.nodeId)
    .u16(b.capabilities)
    .u8(b.tariffTier)
    .u8(b.load);
  if (b.booted) w.u8(BOOTED).u8(STEP_LENGTH).raw(b.booted);
  return w.bytes();
}

/** A beacon from a whole frame, unknown options skipped; undefined where it is malformed. */
export function decodeBeacon(frame: Uint8Array): Beacon | undefined {
  return decode(frame, (r) => {
    r.u8();
    const nodeId = nodeIdFrom(r.raw(16).slice());
    const [capabilities, tariffTier, load] = [r.u16(), r.u8(), r.u8()];
    let booted = EMPTY;
    while (r.left > 0) {
      const type = r.u8();
      const value = r.raw(r.u8());
      if (type === BOOTED) booted = value.slice();
    }
    return {
      nodeId,
      capabilities,
      tariffTier,
      load,
      booted: booted.length === STEP_LENGTH ? booted : undefined,
    };
  });
}
