/**
 * A world of boxes under virtual time: the real node on the real link, driver and LMDB, over simulated chips that
 * share one air. A box can be stopped, have its plug pulled, and be started again on what its disk kept.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Region, regionNamed } from '../board/regions.ts';
import type { GpioLine, RadioHardware } from '../drivers/hal/hal.ts';
import { Air } from '../drivers/sim/air.ts';
import { BUSY_PI } from '../drivers/sim/host.ts';
import { SimSx1276 } from '../drivers/sim/sx1276.ts';
import type { LoraSettings } from '../drivers/sx127x/radio.ts';
import { Sx127x } from '../drivers/sx127x/sx127x.ts';
import { type Cancel, type Clock, sleepOn } from '../src/core/clock.ts';
import { Counters } from '../src/core/counters.ts';
import { silent } from '../src/core/log.ts';
import type { Random } from '../src/core/random.ts';
import type { Db } from '../src/db/db.ts';
import type { LmdbDb } from '../src/db/lmdb.ts';
import { openDatabase } from '../src/db/open.ts';
import { Identity } from '../src/identity/keys.ts';
import { type NodeId, nodeIdKey } from '../src/identity/node-id.ts';
import { LanMedium } from '../src/link/lan/lan-medium.ts';
import { allowanceStore } from '../src/link/lora/allowance-store.ts';
import { LoraMedium } from '../src/link/lora/lora-medium.ts';
import type { Router } from '../src/mesh/router.ts';
import { type ComposedNode, startNode } from '../src/node/node.ts';
import { brotli } from '../src/platform/brotli.ts';
import type { Holding } from '../src/store/holding.ts';
import { CustodyWatch } from './custody-watch.ts';
import { SimNet } from './sim-net.ts';
import { Simulation } from './simulation.ts';
import { type RouteTable, StaticRoutes } from './static-routes.ts';
import { type TraceWatch, watchedDb } from './watched-db.ts';

/** EU868's 10 % sub-band. */
export const SF7: LoraSettings = {
  frequencyHz: 869_525_000,
  bandwidthHz: 125_000,
  spreadingFactor: 7,
  codingRate: 5,
  preambleSymbols: 8,
  syncWord: 0x4e,
  powerDbm: 14,
};

const EU868 = regionNamed('EU868') as Region;

export interface WorldOptions {
  readonly seed?: number | string;
  readonly settings?: LoraSettings;
  /** Fraction of an hour on air; the region's 10 % unless said. */
  readonly dutyCycle?: number;
  /** The machine around the chip: without latency, or as slow and jerky as a busy Pi. */
  readonly host?: 'ideal' | 'busy';
  /** ms that a commit takes to be durable; 5 unless said. */
  readonly commitMs?: () => number;
  readonly ttlDays?: number;
  /** Whom a box is told to take for its mailboxes; it chooses itself unless said. */
  readonly mailboxes?: (name: string) => readonly string[];
  /** Boxes hear each other only where the test says so; all hear all unless said. */
  readonly apart?: boolean;
  /** Next hops are what `Box.route` says, instead of what a production box finds. */
  readonly routed?: boolean;
  /** Of the store of every box, bytes; 100 MiB unless said. */
  readonly maxStoreBytes?: number;
  /** ms between two looks of a driver at its chip; the driver's own choice unless said. */
  readonly lookMs?: number;
  /** Custody is broken on purpose, or looked at by whoever runs this: `end` does not throw. */
  readonly mayLoseCustody?: boolean;
  /** Free bytes on a box's disk; what the disk says itself unless said. */
  readonly freeBytes?: (name: string) => number;
}

/** What a box speaks by; the radio alone unless said. */
export interface BoxMedia {
  readonly radio: boolean;
  /** Names of boxes it dials; undefined: it is on no LAN. */
  readonly lan?: readonly string[];
}

/** Where every box on the LAN takes connections. */
const LAN_PORT = 27182;

interface Named {
  readonly nodeId: NodeId;
}

/** Loss between boxes in one room, dB. */
const NEAR_DB = 100;

export class World {
  readonly sim: Simulation;
  readonly air: Air;
  readonly lan: SimNet;
  readonly options: WorldOptions;
  /** Over all boxes; `end` throws what it objects to. */
  readonly custody: CustodyWatch;
  readonly #boxes: Box[] = [];

  constructor(options: WorldOptions = {}) {
    this.options = options;
    // what is right only while time stands still between two readings is wrong on a box
    this.sim = new Simulation(options.seed ?? 1, { creepMs: 1e-4 });
    const lossDb = options.apart ? { lossDb: Number.POSITIVE_INFINITY } : {};
    this.air = new Air({ clock: this.sim, random: this.sim.random.fork('air'), ...lossDb });
    this.lan = new SimNet(this.sim);
    this.custody = new CustodyWatch(this.sim);
  }

  /** A new box, off. */
  box(name: string, media: BoxMedia = { radio: true }): Box {
    const box = new Box(this, name, media);
    if (!this.options.apart) for (const other of this.#boxes) this.air.setLoss(name, other.name, NEAR_DB);
    this.#boxes.push(box);
    return box;
  }

  /** Boxes by these names, started. */
  async boxes<const N extends readonly string[]>(...names: N): Promise<{ [I in keyof N]: Box }> {
    const boxes = names.map((name) => this.box(name));
    await this.sim.resolve(Promise.all(boxes.map((b) => b.start())), 60_000, 'the start of the boxes');
    return boxes as unknown as { [I in keyof N]: Box };
  }

  /** Nobody hears anybody between the two any more; `join` undoes it. */
  part(a: Box, b: Box): void {
    this.air.setLoss(a.name, b.name, Number.POSITIVE_INFINITY);
  }
  join(a: Box, b: Box): void {
    this.air.setLoss(a.name, b.name, NEAR_DB);
  }

  /** Boxes in a row, started (of a `routed` world): each hears only the one before and the one after. */
  async line<const N extends readonly string[]>(...names: N): Promise<{ [I in keyof N]: Box }> {
    const boxes = names.map((name) => this.box(name));
    for (const [i, a] of boxes.entries()) for (const b of boxes.slice(i + 2)) this.part(a, b);
    await this.sim.resolve(Promise.all(boxes.map((b) => b.start())), 60_000, 'the start of the boxes');
    for (const [i, a] of boxes.entries()) {
      const before = boxes[i - 1];
      const after = boxes[i + 1];
      if (before) for (const b of boxes.slice(0, i - 1)) a.route(b, before);
      if (after) for (const b of boxes.slice(i + 2)) a.route(b, after);
    }
    return boxes as unknown as { [I in keyof N]: Box };
  }

  /** Runs until `promise` settles, at most ten virtual minutes. */
  settle<T>(promise: Promise<T>): Promise<T> {
    return this.sim.resolve(promise, 600_000);
  }

  async end(): Promise<void> {
    for (const box of this.#boxes) {
      if (box.on) box.pullThePlug();
      rmSync(box.directory, { recursive: true, force: true });
    }
    const [first] = this.options.mayLoseCustody ? [] : this.custody.violations;
    if (first !== undefined) throw new Error(`custody: ${first}`);
  }
}

/** What runs on one box's power: when that goes, nothing of it runs any more. */
class Power implements Clock {
  readonly #clock: Clock;
  readonly #cancels: Cancel[] = [];
  on = true;
  constructor(clock: Clock) {
    this.#clock = clock;
  }
  monotonic(): number {
    return this.#clock.monotonic();
  }
  wall(): Date {
    return this.#clock.wall();
  }
  after(ms: number, run: () => void): Cancel {
    return this.#clock.after(ms, () => this.on && run());
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn((t, run) => this.after(t, run), ms, signal);
  }
  /** The chip's wires: dead with the rest. */
  wires(hardware: RadioHardware): RadioHardware {
    const { dio0, dio1, dio2, dio3, spi } = hardware;
    const never = new Promise<never>(() => {});
    return {
      ...hardware,
      ...(dio0 && { dio0: this.#line(dio0) }),
      ...(dio1 && { dio1: this.#line(dio1) }),
      ...(dio2 && { dio2: this.#line(dio2) }),
      ...(dio3 && { dio3: this.#line(dio3) }),
      spi: { transfer: (tx) => (this.on ? spi.transfer(tx) : never), close: () => spi.close() },
    };
  }
  /** What has listened to the chip is forgotten by it: it outlives many a box that was on it. */
  cut(): void {
    this.on = false;
    for (const cancel of this.#cancels.splice(0)) cancel();
  }
  #line(line: GpioLine): GpioLine {
    return {
      ...line,
      onEdge: (listener) => {
        const cancel = line.onEdge(listener);
        this.#cancels.push(cancel);
        return cancel;
      },
    };
  }
}

export class Box {
  readonly name: string;
  readonly directory: string;
  readonly chip: SimSx1276;
  readonly nodeId: NodeId;
  readonly #seed: Uint8Array;
  readonly #table: RouteTable = { hops: new Map(), sequences: new Map() };
  #routes: StaticRoutes | undefined;
  counters = new Counters();
  readonly #world: World;
  readonly #media: BoxMedia;
  #power: Power | undefined;
  #db: LmdbDb | undefined;
  #node: ComposedNode | undefined;
  #medium: LoraMedium | undefined;
  #lan: LanMedium | undefined;
  #starts = 0;

  constructor(world: World, name: string, media: BoxMedia) {
    this.#world = world;
    this.#media = media;
    this.name = name;
    this.directory = mkdtempSync(join(tmpdir(), `nexus-${name}-`));
    const { air, options, sim } = world;
    const host = options.host === 'busy' ? BUSY_PI : 'ideal';
    this.#seed = sim.random.fork(`identity of ${name}`).bytes(32);
    this.nodeId = new Identity(this.#seed).nodeId;
    this.chip = new SimSx1276({ clock: sim, random: sim.random, air, name, host });
  }

  get maxStoreBytes(): number {
    return this.#world.options.maxStoreBytes ?? 100 * 2 ** 20;
  }
  get on(): boolean {
    return this.#power !== undefined;
  }
  /** On, and its node has started. */
  get runs(): boolean {
    return this.#node !== undefined;
  }
  get node(): ComposedNode {
    if (!this.#node) throw new Error(`${this.name} is off`);
    return this.#node;
  }
  get medium(): LoraMedium {
    if (!this.#medium) throw new Error(`${this.name} is off`);
    return this.#medium;
  }
  get contact(): string {
    return this.node.identity().contact;
  }

  /** From now on this box's next hops towards `target`, best first; over restarts too. */
  route(target: Named, ...via: readonly Named[]): void {
    this.#table.hops.set(
      nodeIdKey(target.nodeId),
      via.map((b) => b.nodeId),
    );
    this.#routes?.changed(target.nodeId);
  }

  /** This box has heard of a newer sequence of `target`. */
  sequence(target: Named, sequence: number): void {
    this.#table.sequences.set(nodeIdKey(target.nodeId), sequence);
    this.#routes?.changed(target.nodeId);
  }

  get #traceWatch(): TraceWatch {
    const { custody } = this.#world;
    return {
      trace: (holding: Holding) => custody.trace(this.name, holding),
      removed: (holding: Holding) => custody.removed(this.name, holding),
    };
  }

  async start(): Promise<void> {
    const { options, sim } = this.#world;
    const power = new Power(sim);
    this.#power = power;
    this.counters = new Counters();
    const random = sim.random.fork(`${this.name} start ${this.#starts++}`);
    const delay = options.commitMs ?? (() => 5);
    const { freeBytes } = options;
    const free = freeBytes ? { freeBytes: () => freeBytes(this.name) } : {};
    const db = await openDatabase(this.directory, {
      durability: { kind: 'simulated', clock: power, delay },
      ...free,
    });
    this.#db = db;
    const common = { clock: power, counters: this.counters, log: silent };
    const radio = this.#media.radio ? await this.#startRadio(power, db, random.fork('medium')) : undefined;
    const lan = await this.#startLan(power, random.fork('lan'));
    this.#node = await startNode({
      ...common,
      db: watchedDb(db, this.#traceWatch),
      ...{ radio, lan, random, codec: brotli },
      version: 'test',
      name: this.name,
      seed: this.#seed.slice(),
      media: [lan, radio?.medium].filter((m) => m !== undefined),
      ttlDays: options.ttlDays ?? 7,
      mailboxes: options.mailboxes?.(this.name) ?? [],
      maxStoreBytes: this.maxStoreBytes,
      ...(options.routed ? { routing: (router) => this.#routed(router) } : {}),
    });
  }

  async #startLan(power: Power, random: Random): Promise<LanMedium | undefined> {
    const { lan: peers } = this.#media;
    if (!peers) return undefined;
    this.#lan = await LanMedium.open(
      {
        listen: { host: this.name, port: LAN_PORT },
        peers: peers.map((host) => ({ host, port: LAN_PORT })),
        multicast: false,
      },
      {
        net: this.#world.lan.host(this.name),
        ...{ clock: power, random, counters: this.counters, log: silent },
      },
    );
    return this.#lan;
  }

  async #startRadio(power: Power, db: Db, random: Random) {
    const { options } = this.#world;
    const radio = new Sx127x(power.wires(this.chip.hardware), power, this.counters, silent, options.lookMs);
    const settings = options.settings ?? SF7;
    const region: Region = {
      ...EU868,
      subBands: EU868.subBands.map((b) => ({ ...b, dutyCycle: options.dutyCycle ?? 0.1 })),
    };
    const profile = { region, settings, antennaGainDbi: 2.15 };
    const parts = { clock: power, random, counters: this.counters, log: silent };
    const medium = await LoraMedium.open(radio, profile, allowanceStore(db), parts);
    this.#medium = medium;
    return { medium, events: radio.onEvent, board: 'sim', region: 'EU868', settings };
  }

  #routed(router: Router): StaticRoutes {
    this.#routes = new StaticRoutes(router, this.#table);
    return this.#routes;
  }

  /** Ends in order: what is under way is finished. */
  async stop(): Promise<void> {
    await this.node.stop();
    await this.#lan?.stop();
    await this.#medium?.stop();
    await this.#db?.close();
    this.#off();
  }

  /** At any moment: what is not durable is lost. */
  pullThePlug(): void {
    void this.#db?.abandon();
    this.chip.brownOut();
    this.#world.lan.powerCut(this.name);
    this.#off();
  }

  #off(): void {
    this.#power?.cut();
    this.#power = undefined;
    this.#node = undefined;
    this.#medium = undefined;
    this.#lan = undefined;
    this.#db = undefined;
  }
}
