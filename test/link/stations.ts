/**
 * Stations that share one air under virtual time: the real link on the real LoRa medium and driver, over simulated
 * chips. An outsider is a bare driver that sends whatever bytes a test hands it.
 */
import { regionNamed } from '../../board/regions.ts';
import { Air } from '../../drivers/sim/air.ts';
import type { HostModel } from '../../drivers/sim/host.ts';
import { SimSx1276 } from '../../drivers/sim/sx1276.ts';
import type { LoraSettings } from '../../drivers/sx127x/radio.ts';
import { Sx127x } from '../../drivers/sx127x/sx127x.ts';
import { equal } from '../../src/core/bytes.ts';
import { Counters } from '../../src/core/counters.ts';
import { silent } from '../../src/core/log.ts';
import type { LmdbDb } from '../../src/db/lmdb.ts';
import { openDatabase } from '../../src/db/open.ts';
import { Identity } from '../../src/identity/keys.ts';
import type { NodeId } from '../../src/identity/node-id.ts';
import type { Neighbour } from '../../src/link/link.ts';
import { LinkMemory, openLinkEpochs } from '../../src/link/link-memory.ts';
import { LoraMedium } from '../../src/link/lora/lora-medium.ts';
import { NodeLink } from '../../src/link/node-link.ts';
import type { StrangersAir } from '../../src/link/strangers-air.ts';
import { TransferIds } from '../../src/link/transfer-ids.ts';
import { Simulation } from '../simulation.ts';

export const SF7: LoraSettings = {
  frequencyHz: 866_000_000,
  bandwidthHz: 125_000,
  spreadingFactor: 7,
  codingRate: 5,
  preambleSymbols: 8,
  syncWord: 0x4e,
  powerDbm: 14,
};

const NEAR_DB = 100;

/** Its band has no duty cycle: how much may be sent is proven elsewhere, and so nothing is recorded. */
const REGION = regionNamed('IN865');
const NOTHING_RECORDED = { load: () => undefined, save: async () => {} };

/** One frame as it was on the air. */
export interface OnAir {
  readonly from: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly bytes: Uint8Array;
}

export class Stations {
  readonly sim: Simulation;
  readonly air: Air;
  readonly settings: LoraSettings;
  /** Every frame, once it is over. */
  readonly frames: OnAir[] = [];
  readonly #stations: Station[] = [];
  readonly #names: string[] = [];
  /** Whether nobody hears this frame. */
  #isLost: (from: string, frame: Uint8Array) => boolean = () => false;

  constructor(seed: number | string = 1, settings = SF7) {
    this.sim = new Simulation(seed);
    this.air = new Air({ clock: this.sim, random: this.sim.random.fork('air') });
    this.settings = settings;
    this.air.onTransmission.on((t) => {
      this.frames.push({ from: t.from, startedAt: t.startMs, endedAt: t.endMs, bytes: t.bytes.slice() });
    });
    // told before anybody hears the frame: its path is closed or open for this one
    this.air.onStart.on((t) => {
      const loss = this.#isLost(t.from, t.bytes) ? Number.POSITIVE_INFINITY : NEAR_DB;
      for (const name of this.#names) if (name !== t.from) this.air.setOneWayLoss(t.from, name, loss);
    });
  }

  /** From now on, frames for which this holds reach nobody. */
  lose(isLost: (from: string, frame: Uint8Array) => boolean): void {
    this.#isLost = isLost;
  }

  /** The key of any station by its id, as if everybody had met. */
  readonly keyOf = (id: NodeId): Uint8Array | undefined =>
    this.#stations.find((s) => equal(s.identity.nodeId, id))?.identity.publicKey;

  async station(name: string, options: StationOptions = {}): Promise<Station> {
    this.#names.push(name);
    const station = new Station(this, name, options);
    this.#stations.push(station);
    await this.resolve(station.boot());
    return station;
  }

  async outsider(name: string): Promise<Outsider> {
    this.#names.push(name);
    const chip = this.chip(name);
    const radio = new Sx127x(chip.hardware, this.sim, new Counters(), silent);
    await this.resolve(radio.start(this.settings));
    const heard: Uint8Array[] = [];
    radio.onFrame.on(({ bytes }) => heard.push(bytes));
    return {
      heard,
      send: async (bytes) => {
        await this.resolve(radio.transmit(bytes));
        // what the receivers make of it is theirs once their interrupts are through
        await this.sim.run(20);
      },
    };
  }

  chip(name: string, host: 'ideal' | HostModel = 'ideal'): SimSx1276 {
    return new SimSx1276({ clock: this.sim, random: this.sim.random, air: this.air, name, host });
  }

  resolve<T>(promise: Promise<T>, ms = 600_000): Promise<T> {
    return this.sim.resolve(promise, ms);
  }

  /** The frames of one station, or all; `kind` as in the first byte. */
  sent(from?: Station, kind?: number): OnAir[] {
    return this.frames.filter(
      (f) =>
        (from === undefined || f.from === from.name) &&
        (kind === undefined || (((f.bytes[0] ?? 0) >> 3) & 7) === kind),
    );
  }
}

export interface Outsider {
  /** Every frame it has received. */
  readonly heard: readonly Uint8Array[];
  send(bytes: Uint8Array): Promise<void>;
}

export interface StationOptions {
  /** An ideal one unless said. */
  readonly host?: HostModel;
  readonly keyOf?: (id: NodeId) => Uint8Array | undefined;
  /** Where its links outlive a restart; nowhere unless said. */
  readonly directory?: string;
  /** What it may send to answer strangers; everything unless said. */
  readonly strangers?: StrangersAir;
  /** Whether a handshake may begin that nothing pays for; always, unless said. */
  readonly mayBegin?: (airtimeMs: number) => boolean;
  /** What numbers its handshakes; never refuses unless said. */
  readonly handshakeCounter?: () => bigint;
}

export class Station {
  readonly name: string;
  readonly identity: Identity;
  counters = new Counters();
  readonly #stations: Stations;
  readonly #options: StationOptions;
  readonly #chip: SimSx1276;
  #handshakes = 0n;
  #boots = 0;
  #parts: { link: NodeLink; medium: LoraMedium; db: LmdbDb | undefined } | undefined;
  /** Bytes free on its disk. */
  free = 2 ** 40;

  constructor(stations: Stations, name: string, options: StationOptions) {
    this.name = name;
    this.#stations = stations;
    this.#options = options;
    this.identity = new Identity(stations.sim.random.fork(`identity of ${name}`).bytes(32));
    this.#chip = stations.chip(name, options.host);
  }

  get link(): NodeLink {
    if (!this.#parts) throw new Error(`${this.name} is off`);
    return this.#parts.link;
  }

  get medium(): LoraMedium {
    if (!this.#parts) throw new Error(`${this.name} is off`);
    return this.#parts.medium;
  }

  to(other: { readonly identity: Identity }): Neighbour {
    return this.link.neighbour(other.identity.nodeId);
  }

  async boot(): Promise<void> {
    const { sim, settings } = this.#stations;
    this.counters = new Counters();
    const random = sim.random.fork(`${this.name} ${this.#boots++}`);
    const common = { clock: sim, counters: this.counters, log: silent };
    const radio = new Sx127x(this.#chip.hardware, sim, this.counters, silent);
    if (!REGION) throw new Error('no such region');
    const profile = { region: REGION, settings, antennaGainDbi: 0 };
    const parts = { ...common, random: random.fork('medium') };
    const medium = await LoraMedium.open(radio, profile, NOTHING_RECORDED, parts);
    const { directory, mayBegin, strangers } = this.#options;
    const db = directory === undefined ? undefined : await this.#open(directory);
    const self = this.identity.nodeId;
    const memory = db && new LinkMemory({ ...common, db, self, epochs: await openLinkEpochs(db) });
    const link = new NodeLink({
      ...common,
      ...(memory ? { memory } : {}),
      ...(strangers ? { strangers } : {}),
      ...(mayBegin ? { mayBegin } : {}),
      medium,
      identity: this.identity,
      keyOf: this.#options.keyOf ?? this.#stations.keyOf,
      random: random.fork('link'),
      handshakeCounter: this.#options.handshakeCounter ?? (() => ++this.#handshakes),
      transferIds: new TransferIds(),
    });
    this.#parts = { link, medium, db };
  }

  /** Off and on again: all sessions are gone (but with a disk, none), the counter of handshakes is not. */
  async reboot(): Promise<void> {
    const { db, link, medium } = this.#parts ?? {};
    await this.#stations.resolve(Promise.all([link?.stop(), medium?.stop()]));
    await this.#stations.resolve(db?.close() ?? Promise.resolve());
    await this.#stations.resolve(this.boot());
  }

  /** The plug is pulled, of a station with a disk, and it boots again: what was not durable is lost. */
  async powerCut(): Promise<void> {
    const { db, link, medium } = this.#parts ?? {};
    const abandoned = db?.abandon();
    void link?.stop();
    await this.#stations.resolve(Promise.all([abandoned, medium?.stop()]));
    await this.#stations.resolve(this.boot());
  }

  #open(directory: string): Promise<LmdbDb> {
    const { sim } = this.#stations;
    return openDatabase(directory, {
      durability: { kind: 'simulated', clock: sim, delay: () => 5 },
      freeBytes: () => this.free,
    });
  }
}
