/** Media on real drivers over simulated chips in one air, each with a database of its own. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Region, regionNamed } from '../../../board/regions.ts';
import type { SimSx1276Options } from '../../../drivers/sim/sx1276.ts';
import type { LoraSettings } from '../../../drivers/sx127x/radio.ts';
import { silent } from '../../../src/core/log.ts';
import type { LmdbDb } from '../../../src/db/lmdb.ts';
import { openDatabase } from '../../../src/db/open.ts';
import { allowanceStore } from '../../../src/link/lora/allowance-store.ts';
import { LoraMedium } from '../../../src/link/lora/lora-medium.ts';
import type { Outgoing, Reception, Submission } from '../../../src/link/medium.ts';
import { type Box, EU868, Roof } from '../../drivers/sx127x/roof.ts';

/** First bytes of version 1. */
export const FIRST = { beacon: 0x40, message1: 0x50, plain: 0x58, asking: 0x59, burst: 0x5a } as const;

export const region = (name: string): Region => {
  const found = regionNamed(name);
  if (!found) throw new Error(`no region ${name}`);
  return found;
};

export interface SiteOptions {
  readonly settings?: LoraSettings;
  readonly region?: Region;
  readonly chip?: Partial<SimSx1276Options>;
  /** What a commit takes, ms. */
  readonly diskMs?: number;
}

export class Town {
  readonly roof: Roof;
  readonly #directory = mkdtempSync(join(tmpdir(), 'nexus-lora-'));
  readonly #databases: LmdbDb[] = [];

  constructor(seed: number | string = 1) {
    this.roof = new Roof(seed);
  }

  get now(): number {
    return this.roof.simulation.monotonic();
  }

  run(ms: number): Promise<void> {
    return this.roof.simulation.run(ms);
  }

  /** `name` is that of the radio, `disk` that of the database: a box that has come back has the same disk. */
  async site(name: string, options: SiteOptions = {}, disk = name): Promise<Site> {
    const { settings = EU868, diskMs = 20 } = options;
    const clock = this.roof.simulation;
    const box = this.roof.box(name, options.chip);
    const state = join(this.#directory, disk);
    mkdirSync(state, { recursive: true });
    const db = await openDatabase(state, { durability: { kind: 'simulated', clock, delay: () => diskMs } });
    this.#databases.push(db);
    const medium = await clock.resolve(
      LoraMedium.open(
        box.radio,
        { region: options.region ?? region('EU868'), settings, antennaGainDbi: 2.15 },
        allowanceStore(db),
        { clock, random: clock.random.fork(name), counters: box.counters, log: silent },
      ),
      5000,
    );
    return new Site(this, name, box, db, medium);
  }

  async close(): Promise<void> {
    for (const db of this.#databases) await db.abandon();
    rmSync(this.#directory, { recursive: true });
  }
}

export class Site {
  readonly town: Town;
  readonly name: string;
  readonly box: Box;
  readonly db: LmdbDb;
  readonly medium: LoraMedium;
  readonly heard: { readonly bytes: Uint8Array; readonly reception: Reception }[] = [];

  constructor(town: Town, name: string, box: Box, db: LmdbDb, medium: LoraMedium) {
    this.town = town;
    this.name = name;
    this.box = box;
    this.db = db;
    this.medium = medium;
    medium.onFrame.on((frame) => this.heard.push(frame));
  }

  /** Submits frames as they are, one grant. */
  submit(frames: readonly Uint8Array[], options: Partial<Outgoing> = {}): Promise<Submission> {
    const left = [...frames];
    return this.medium.submit({
      priority: 1,
      fairnessKey: undefined,
      estimatedBytes: frames[0]?.length ?? 1,
      next: () => left.shift(),
      ...options,
    });
  }

  /** Submits and waits for the end. */
  send(frames: readonly Uint8Array[], options: Partial<Outgoing> = {}): Promise<Submission> {
    return this.town.roof.simulation.resolve(this.submit(frames, options), 3 * 3_600_000, 'the submission');
  }

  /** The power fails. The chip falls silent with it. */
  async crash(): Promise<void> {
    await this.town.roof.simulation.resolve(this.db.abandon(), 1000);
    await this.town.roof.simulation.resolve(this.box.radio.stop(), 1000);
  }
}

/** A frame of `length` bytes with this first byte. */
export function frame(first: number, length: number, mark = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i === 0 ? first : (mark + i) & 0xff));
}
