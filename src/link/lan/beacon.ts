/** By which a box on the LAN is found: one UDP datagram (docs/protocol/link.md, "The LAN"). */
import { concat, decode, equal, Writer } from '../../core/bytes.ts';
import { INSTANCE_LENGTH } from './framing.ts';

/** `NXB`, version 1. */
const MAGIC = Uint8Array.of(0x4e, 0x58, 0x42, 0x01);

/** Somebody takes connections there. */
export interface LanBeacon {
  /** Drawn at each start. */
  readonly instance: Uint8Array;
  readonly port: number;
}

/** `"NXB" 1 | instance 8 | port u16`: 14 bytes. */
export function encodeLanBeacon({ instance, port }: LanBeacon): Uint8Array {
  return concat(MAGIC, instance, new Writer(2).u16(port).bytes());
}

/** Undefined where the datagram is none, or names no port. Bytes after it are left to later versions. */
export function decodeLanBeacon(datagram: Uint8Array): LanBeacon | undefined {
  return decode(datagram, (r) => {
    if (!equal(r.raw(MAGIC.length), MAGIC)) return undefined;
    const beacon = { instance: r.raw(INSTANCE_LENGTH).slice(), port: r.u16() };
    r.rest();
    return beacon.port === 0 ? undefined : beacon;
  });
}
