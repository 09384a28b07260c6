/** Beacon, kind 0: a box is there (docs/protocol/mesh.md). */
import { decode, Writer } from '../core/bytes.ts';
import type { NodeId } from '../identity/node-id.ts';
import { nodeIdFrom } from '../identity/node-id.ts';
import { firstByte, KIND } from '../link/frame.ts';
import type { Crowd } from './channel-shares.ts';

/** Capability bits (docs/protocol/mesh.md, "Beacon"). */
export const CAPABILITY = { relay: 1, gateway: 2, storage: 4, nxsByte: 8, wasm: 16, hub: 32 } as const;

/** Options: the box was started again, proven by a step of its chain that it had not released before. */
const STARTED = { booted: 1, resumed: 2 } as const;
const STEP_LENGTH = 8;
/** Bytes of a beacon without options. */
export const BEACON_LENGTH = 23;

export interface Started {
  /** `resumed`: it has kept its links; `booted`: it has not. */
  readonly how: keyof typeof STARTED;
  readonly step: Uint8Array;
}

export interface Beacon {
  readonly nodeId: NodeId;
  readonly capabilities: number;
  readonly tariffTier: number;
  /** How full its queue is, of 255. */
  readonly load: number;
  /** How full the channel is where its sender is. */
  readonly crowd: Crowd;
  /** In the first beacon after a start; undefined in all others. */
  readonly started: Started | undefined;
}

/** The whole frame: 23 bytes, 10 more with `started`. */
export function encodeBeacon(b: Beacon): Uint8Array {
  const w = new Writer(BEACON_LENGTH + 2 + STEP_LENGTH)
    .u8(firstByte(KIND.beacon))
    .raw(b.nodeId)
    .u16(b.capabilities)
    .u8(b.tariffTier)
    .u8(b.load)
    .u8(b.crowd.here)
    .u8(b.crowd.around);
  if (b.started) w.u8(STARTED[b.started.how]).u8(STEP_LENGTH).raw(b.started.step);
  return w.bytes();
}

/** A beacon from a whole frame, unknown options skipped; undefined where it is malformed. */
export function decodeBeacon(frame: Uint8Array): Beacon | undefined {
  return decode(frame, (r) => {
    r.u8();
    const nodeId = nodeIdFrom(r.raw(16).slice());
    const [capabilities, tariffTier, load] = [r.u16(), r.u8(), r.u8()];
    const crowd = { here: r.u8(), around: r.u8() };
    let started: Started | undefined;
    while (r.left > 0) {
      const type = r.u8();
      const value = r.raw(r.u8());
      const how = startedBy(type);
      if (how && value.length === STEP_LENGTH) started = { how, step: value.slice() };
    }
    return { nodeId, capabilities, tariffTier, load, crowd, started };
  });
}

function startedBy(type: number): Started['how'] | undefined {
  if (type === STARTED.booted) return 'booted';
  return type === STARTED.resumed ? 'resumed' : undefined;
}
