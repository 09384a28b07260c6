/**
 * A whole mesh under virtual time: boxes that go off and on, people who write to each other, and beside it an oracle
 * that delivers every message by flooding over free air on the same schedule.
 */
import { below, type Random, uniform } from '../../src/core/random.ts';
import { KIND } from '../../src/link/frame.ts';
import { type Box, SF7, World } from '../world.ts';
import { distance, reachable, type Topology } from './topology.ts';

const HOUR = 3_600_000;

export interface MeshOptions {
  readonly seed: number | string;
  readonly topology: (random: Random) => Topology;
  readonly spreadingFactor: number;
  /** Hours before the first message. */
  readonly warmUp: number;
  /** Hours in which messages are written. */
  readonly writing: number;
  /** Hours after the last one. */
  readonly after: number;
  readonly ttlDays?: number;
  /** Texts a box writes a day. */
  readonly perDay?: number;
  /** A box is off for so many hours now and then, on average, and on for so many; never off where left out. */
  readonly churn?: { readonly onHours: number; readonly offHours: number };
  /** Hours after the warm-up between which the two halves do not hear each other. */
  readonly partition?: readonly [number, number];
}

export interface Letter {
  readonly from: number;
  readonly to: number;
  readonly text: string;
  readonly at: number;
  /** Shortest path, all up. */
  readonly hops: number;
  deliveredAt: number | undefined;
  /** When the oracle has delivered it. */
  oracleAt: number | undefined;
  copies: number;
  /** The writer knows. */
  receipted: boolean;
}

export interface Outcome {
  readonly letters: readonly Letter[];
  /** Share of channel time spent on routing at each box, after the warm-up. */
  readonly routingShare: readonly number[];
  /** ms on air of everything that is not routing. */
  readonly mailAirtimeMs: number;
  /** The most that any box was on air in any hour, ms. */
  readonly busiestHourMs: number;
  readonly virtualHours: number;
  readonly wallMs: number;
}

const ROUTING = new Set<number>([KIND.beacon, KIND.announce, KIND.handshake, KIND.solicit, KIND.shared]);

export async function runMesh(options: MeshOptions, wallClock: () => number): Promise<Outcome> {
  const began = wallClock();
  const settings = { ...SF7, spreadingFactor: options.spreadingFactor };
  const world = new World({ seed: options.seed, settings, ttlDays: options.ttlDays ?? 7, apart: true });
  const random = world.sim.random.fork('mesh');
  const topology = options.topology(random.fork('topology'));
  const run = new MeshRun(world, topology, random, options);
  try {
    await run.start();
    await world.sim.run(options.warmUp * HOUR);
    run.beginWriting();
    await world.sim.run(options.writing * HOUR);
    run.endWriting();
    await world.sim.run(options.after * HOUR);
    return { ...run.outcome(), wallMs: wallClock() - began };
  } finally {
    await world.end();
  }
}

class MeshRun {
  readonly #world: World;
  readonly #topology: Topology;
  readonly #random: Random;
  readonly #options: MeshOptions;
  readonly #boxes: Box[];
  readonly #codes: string[] = [];
  readonly #letters: Letter[] = [];
  readonly #byText = new Map<string, Letter>();
  /** What the oracle's flood has reached, by letter. */
  readonly #flooded = new Map<Letter, Set<number>>();
  readonly #routingMs: number[];
  readonly #onAir: { at: number; ms: number }[][];
  #mailAirtimeMs = 0;
  #measuredFrom = Number.POSITIVE_INFINITY;
  #writing = false;
  #parted = false;

  constructor(world: World, topology: Topology, random: Random, options: MeshOptions) {
    this.#world = world;
    this.#topology = topology;
    this.#random = random;
    this.#options = options;
    this.#boxes = Array.from({ length: topology.n }, (_, i) => world.box(`b${i}`));
    this.#routingMs = new Array<number>(topology.n).fill(0);
    this.#onAir = Array.from({ length: topology.n }, () => []);
    this.#open();
    world.air.onTransmission.on(({ from, startMs, endMs, bytes }) => {
      const sender = Number(from.slice(1));
      this.#onAir[sender]?.push({ at: startMs, ms: endMs - startMs });
      if (startMs < this.#measuredFrom) return;
      if (!ROUTING.has(((bytes[0] ?? 0) >> 3) & 7)) {
        this.#mailAirtimeMs += endMs - startMs;
        return;
      }
      for (const i of [sender, ...(topology.lossDb[sender]?.keys() ?? [])])
        this.#routingMs[i] = (this.#routingMs[i] ?? 0) + endMs - startMs;
    });
  }

  async start(): Promise<void> {
    const { sim } = this.#world;
    const starts = this.#boxes.map(async (box, i) => {
      await sim.sleep(10_000 * uniform(this.#random.fork(`start ${i}`)));
      await box.start();
      this.#codes[i] = box.contact;
      this.#listen(i);
    });
    await sim.resolve(Promise.all(starts), 10 * 60_000, 'the start of the mesh');
    if (this.#options.churn)
      for (let i = 0; i < this.#boxes.length; i++) this.#churn(i, this.#random.fork(`churn ${i}`));
    const { partition, warmUp } = this.#options;
    if (partition)
      for (const [k, hours] of partition.entries())
        sim.after((warmUp + hours) * HOUR, () => (k === 0 ? this.#part() : this.#open()));
  }

  beginWriting(): void {
    this.#measuredFrom = this.#world.sim.monotonic();
    this.#writing = true;
    for (let i = 0; i < this.#boxes.length; i++) this.#write(i, this.#random.fork(`writer ${i}`));
  }

  endWriting(): void {
    this.#writing = false;
  }

  outcome(): Omit<Outcome, 'wallMs'> {
    const now = this.#world.sim.monotonic();
    for (const [i, box] of this.#boxes.entries()) {
      if (!box.on) continue;
      const done = new Set(
        box.node
          .outbox()
          .filter((m) => m.state === 'delivered')
          .map((m) => m.text),
      );
      for (const letter of this.#letters) if (letter.from === i) letter.receipted = done.has(letter.text);
    }
    return {
      letters: this.#letters,
      routingShare: this.#routingMs.map((ms) => ms / (now - this.#measuredFrom)),
      mailAirtimeMs: this.#mailAirtimeMs,
      busiestHourMs: Math.max(...this.#onAir.map(busiestHour)),
      virtualHours: now / HOUR,
    };
  }

  #listen(i: number): void {
    const box = this.#boxes[i];
    if (!box) return;
    const stop = new AbortController();
    void (async () => {
      for await (const message of box.node.followInbox(stop.signal)) {
        const letter = this.#byText.get(message.text);
        if (!letter) continue;
        letter.copies++;
        letter.deliveredAt ??= this.#world.sim.monotonic();
      }
    })();
  }

  /** Writes now and then, to anybody. */
  #write(i: number, random: Random): void {
    const { sim } = this.#world;
    const mean = (24 * HOUR) / (this.#options.perDay ?? 4);
    sim.after(-Math.log(1 - uniform(random)) * mean, async () => {
      if (!this.#writing) return;
      this.#write(i, random);
      const box = this.#boxes[i];
      if (!box?.on) return;
      const to = (i + 1 + below(random, this.#boxes.length - 1)) % this.#boxes.length;
      const head = `letter ${this.#letters.length} from ${i} to ${to}: `;
      const text =
        head +
        'so long and no longer than a hundred bytes, as people write to each other every day. '
          .repeat(2)
          .slice(0, 100 - head.length);
      const letter: Letter = {
        ...{ from: i, to, text, at: sim.monotonic(), hops: distance(this.#topology, i, to) },
        ...{ deliveredAt: undefined, oracleAt: undefined, copies: 0, receipted: false },
      };
      const stored = await box.node.send(this.#codes[to] ?? '', text).catch(() => undefined);
      if (!stored) return;
      this.#letters.push(letter);
      this.#byText.set(text, letter);
      this.#flooded.set(letter, new Set([i]));
      this.#flood();
    });
  }

  #churn(i: number, random: Random): void {
    const { churn } = this.#options;
    const { sim } = this.#world;
    const box = this.#boxes[i];
    if (!churn || !box) return;
    const after = (hours: number, run: () => void) =>
      sim.after(-Math.log(1 - uniform(random)) * hours * HOUR, run);
    const turnOff = () =>
      after(churn.onHours, () => {
        box.pullThePlug();
        turnOn();
      });
    const turnOn = () =>
      after(churn.offHours, async () => {
        await box.start();
        this.#listen(i);
        this.#flood();
        turnOff();
      });
    turnOff();
  }

  /** The oracle: whatever is reachable at this moment is reached. */
  #flood(): void {
    const up = (i: number) => this.#boxes[i]?.on === true;
    const now = this.#world.sim.monotonic();
    for (const [letter, has] of this.#flooded) {
      const reached = this.#parted ? this.#reachedApart(has, up) : reachable(this.#topology, has, up);
      for (const i of reached) has.add(i);
      if (!has.has(letter.to)) continue;
      letter.oracleAt = now;
      this.#flooded.delete(letter);
    }
  }

  #reachedApart(has: Set<number>, up: (i: number) => boolean): Set<number> {
    const side = (i: number) => i < this.#boxes.length / 2;
    const half = (left: boolean) =>
      reachable(
        this.#topology,
        [...has].filter((i) => side(i) === left),
        (i) => up(i) && side(i) === left,
      );
    return new Set([...half(true), ...half(false)]);
  }

  #open(): void {
    this.#parted = false;
    for (const [i, heard] of this.#topology.lossDb.entries())
      for (const [k, lossDb] of heard) this.#world.air.setOneWayLoss(`b${i}`, `b${k}`, lossDb);
    this.#flood();
  }

  #part(): void {
    this.#parted = true;
    const side = (i: number) => i < this.#boxes.length / 2;
    for (const [i, heard] of this.#topology.lossDb.entries())
      for (const k of heard.keys())
        if (side(i) !== side(k)) this.#world.air.setOneWayLoss(`b${i}`, `b${k}`, Number.POSITIVE_INFINITY);
  }
}

/** The most airtime within any hour. */
function busiestHour(spent: readonly { at: number; ms: number }[]): number {
  let [most, sum, first] = [0, 0, 0];
  for (const { at, ms } of spent) {
    sum += ms;
    for (let old = spent[first]; old && old.at <= at - HOUR; old = spent[++first]) sum -= old.ms;
    most = Math.max(most, sum);
  }
  return most;
}

/** Figures of one run as one row of text. */
export function summary({
  letters,
  routingShare,
  mailAirtimeMs,
  busiestHourMs,
  virtualHours,
  wallMs,
}: Outcome): string {
  const possible = letters.filter((l) => l.oracleAt !== undefined);
  const delivered = possible.filter((l) => l.deliveredAt !== undefined);
  const times = delivered.map((l) => (l.deliveredAt ?? 0) - l.at).sort((a, b) => a - b);
  const at = (share: number) =>
    ((times[Math.floor(share * (times.length - 1))] ?? Number.NaN) / 1000).toFixed(1);
  const share = (part: number, all: number) => `${((100 * part) / Math.max(all, 1)).toFixed(2)} %`;
  return [
    `${letters.length} letters, ${possible.length} deliverable, ${delivered.length} delivered (${share(delivered.length, possible.length)})`,
    `receipts ${share(letters.filter((l) => l.receipted).length, delivered.length)}`,
    `median ${at(0.5)} s, p95 ${at(0.95)} s`,
    `airtime per delivered ${(mailAirtimeMs / 1000 / Math.max(delivered.length, 1)).toFixed(2)} s`,
    `routing at most ${(100 * Math.max(...routingShare)).toFixed(2)} % of channel time`,
    `busiest hour ${(busiestHourMs / 1000).toFixed(0)} s on air`,
    `${virtualHours.toFixed(0)} h in ${(wallMs / 1000).toFixed(0)} s`,
  ].join(' · ');
}
