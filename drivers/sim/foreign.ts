/** Other people's networks on the same frequency: frames nobody here can read, taking their share of the air. */
import type { Cancel } from '../../src/core/clock.ts';
import { below, type Random, uniform } from '../../src/core/random.ts';
import type { Ether } from './air.ts';

export interface ForeignTrafficOptions {
  /** Of the radio that sends all of it: its losses to others can be set like any other's. `foreign` unless said. */
  readonly name?: string;
  /** Share of time with such a frame in the air, 0 … below 1. */
  readonly occupancy: number;
  readonly frequencyHz?: number;
  readonly bandwidthHz?: number;
  /** Drawn from for each frame, uniformly. */
  readonly spreadingFactors?: readonly number[];
  /** 0x34 is that of public LoRaWAN networks (DS115). */
  readonly syncWord?: number;
  readonly powerDbm?: number;
}

const SHORTEST_BYTES = 12;
const LONGEST_BYTES = 64;

/** Sends until cancelled: lengths uniform, pauses exponential, so that the occupancy holds on average. */
export function startForeignTraffic(ether: Ether, random: Random, options: ForeignTrafficOptions): Cancel {
  const { occupancy } = options;
  if (!(occupancy >= 0 && occupancy < 1)) throw new RangeError('occupancy is a share below 1');
  const factors = options.spreadingFactors ?? [7, 8, 9, 10, 11, 12];
  const bandwidthHz = options.bandwidthHz ?? 125_000;
  const name = options.name ?? 'foreign';
  const port = ether.attach({ name, arrive: () => {} });
  const pauseAfter = (airtimeMs: number) =>
    (-Math.log(1 - uniform(random)) * airtimeMs * (1 - occupancy)) / occupancy;
  const send = (startMs: number) => {
    const spreadingFactor = factors[below(random, factors.length)] ?? 7;
    const { endMs } = port.transmit({
      startMs,
      frequencyHz: options.frequencyHz ?? 869.525e6,
      crystalPpm: 0,
      powerDbm: options.powerDbm ?? 14,
      bytes: random.bytes(SHORTEST_BYTES + below(random, LONGEST_BYTES - SHORTEST_BYTES + 1)),
      modulation: {
        bandwidthHz,
        spreadingFactor,
        codingRate: 5,
        preambleSymbols: 8,
        syncWord: options.syncWord ?? 0x34,
        implicitHeader: false,
        crc: true,
        invertedIq: false,
        lowDataRate: 2 ** spreadingFactor / bandwidthHz >= 0.016,
      },
    });
    next(endMs + pauseAfter(endMs - startMs));
  };
  let cancel: Cancel = () => {};
  const next = (atMs: number) => {
    cancel = port.agenda.at(atMs, send);
  };
  if (occupancy > 0) next(port.agenda.now() + pauseAfter(100));
  return () => {
    cancel();
    port.detach();
  };
}
