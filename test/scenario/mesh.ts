/**
 * A whole mesh under virtual time: boxes that go off and on, people who write to each other, and beside it an oracle
 * that delivers every message by flooding over free air on the same schedule.
 */
import type { Transmission } from '../../drivers/sim/transmission.ts';
import type { Counters } from '../../src/core/counters.ts';
import { below, type Random, uniform } from '../../src/core/random.ts';
import { busiestHour, kindOf, ROUTING } from '../airtime.ts';
import { type Box, SF7, World } from '../world.ts';
import type { Letter, Outcome } from './letters.ts';
import { Oracle } from './oracle.ts';
import { loops, overflows } from './state-checks.ts';
import { distance, type Topology } from './topology.ts';

const HOUR = 3_600_000;
/** ms between two looks at what must hold at every moment, for each of at least 60 boxes: the work grows with their square. */
const CHECK_EVERY = 10_000;
/** Drivers look after healthy chips more rarely than on a roof: it would be a third of the work. */
const LOOK_MS = 60_000;
const FREE_BYTES = 2 ** 40;

export interface MeshOptions {
  readonly seed: number | string;
  readonly topology: (random: Random) => Topology;
  readonly spreadingFactor: number;
  /** Hours before the first message. */
  readonly warmUp: number;
  /** Hours in which messages are written. */
  readonly writing: number;
  /** Hours after the last one, at most: it ends sooner where everything is delivered and known. */
  readonly after: number;
  readonly ttlDays?: number;
  /** Texts a box writes a day; 4 unless said, 0: none. */
  readonly perDay?: number;
  /**
   * A box (of the topology's sleepers, where it names any) is off for so many hours now and then, on average, and on
   * for so many; never off where left out.
   */
  readonly churn?: { readonly onHours: number; readonly offHours: number };
  /** Told of every transmission. */
  readonly onAir?: (transmission: Transmission) => void;
  /** Hours after the warm-up between which the two halves do not hear each other. */
  readonly partition?: readonly [number, number];
}

/** Runs a mesh to its end. `said` is told how it stands, once a virtual hour. */
export async function runMesh(
  options: MeshOptions,
  wallClock: () => number,
  said: (line: string) => void = () => {},
): Promise<Outcome> {
  const began = wallClock();
  const { after, seed, spreadingFactor, ttlDays = 7, warmUp, writing } = options;
  const world = new World({
    ...{
      seed,
      ttlDays,
      apart: true,
      mayLoseCustody: true,
      lookMs: LOOK_MS,
      settings: { ...SF7, spreadingFactor },
    },
    // otherwise every commit asks the machine that this runs on
    freeBytes: () => FREE_BYTES,
  });
  const random = world.sim.random.fork('mesh');
  const topology = options.topology(random.fork('topology'));
  const run = new MeshRun(world, topology, random, options);
  const checkMs = CHECK_EVERY * Math.max(topology.n, 60);
  const hours = async (n: number, isOver = () => false) => {
    for (let h = 0; h < n && !isOver(); h++) {
      const end = world.sim.monotonic() + HOUR * Math.min(1, n - h);
      while (world.sim.monotonic() < end) {
        await world.sim.run(Math.min(checkMs, end - world.sim.monotonic()));
        run.check();
      }
      said(run.standing());
    }
  };
  try {
    await run.start();
    await hours(warmUp);
    run.beginWriting();
    await hours(writing);
    run.endWriting();
    await hours(after, () => run.isDone());
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
  readonly #oracle: Oracle;
  readonly #codes: string[] = [];
  readonly #letters: Letter[] = [];
  readonly #byText = new Map<string, Letter>();
  readonly #routingMs: number[];
  readonly #onAir: { at: number; ms: number }[][];
  readonly #violations: string[] = [];
  /** As counted by each box since it was started. */
  readonly #sealedMs: { readonly counters: Counters; readonly ms: number }[] = [];
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
    const isOn = (i: number) => this.#boxes[i]?.on === true;
    this.#oracle = new Oracle(topology, isOn, (i, k) => this.#isOnOneSide(i, k));
    this.#open();
    world.air.onTransmission.on((t) => this.#sent(t));
    if (options.onAir) world.air.onTransmission.on(options.onAir);
  }

  async start(): Promise<void> {
    const { sim } = this.#world;
    const starts = this.#boxes.map(async (box, i) => {
      await sim.sleep(10_000 * uniform(this.#random.fork(`start ${i}`)));
      await box.start();
      this.#codes[i] = box.contact;
      this.#listen(i);
    });
    await sim.resolve(Promise.all(starts), HOUR, 'the start of the mesh');
    if (this.#options.churn)
      for (let i = 0; i < this.#boxes.length; i++)
        if (this.#topology.sleepers?.has(i) ?? true) this.#churn(i, this.#random.fork(`churn ${i}`));
    const { partition, warmUp } = this.#options;
    if (partition)
      for (const [k, hours] of partition.entries())
        sim.after((warmUp + hours) * HOUR, () => (k === 0 ? this.#part() : this.#open()));
  }

  beginWriting(): void {
    this.#noteSealed();
    this.#routingMs.fill(0);
    this.#mailAirtimeMs = 0;
    this.#measuredFrom = this.#world.sim.monotonic();
    this.#writing = true;
    for (let i = 0; i < this.#boxes.length; i++) this.#write(i, this.#random.fork(`writer ${i}`));
  }

  endWriting(): void {
    this.#writing = false;
  }

  /** What must hold at every moment. */
  check(): void {
    this.#noteSealed();
    const running = this.#boxes.filter((box) => box.runs);
    this.#violations.push(...loops(running), ...overflows(running));
  }

  /** Everything that could be delivered is, and its writers know. */
  isDone(): boolean {
    this.#noteReceipts();
    return this.#letters.every(
      (l) => (l.deliveredAt !== undefined && l.receipted) || l.oracleAt === undefined,
    );
  }

  standing(): string {
    const hour = (this.#world.sim.monotonic() / HOUR).toFixed(0);
    const arrived = this.#letters.filter((l) => l.deliveredAt !== undefined).length;
    const wrong = this.#violations.length + this.#world.custody.violations.length;
    return `hour ${hour}: ${arrived} of ${this.#letters.length} letters delivered, ${wrong} violations`;
  }

  outcome(): Omit<Outcome, 'wallMs'> {
    const now = this.#world.sim.monotonic();
    this.#noteSealed();
    this.#noteReceipts();
    this.#noteForgotten();
    for (const letter of this.#letters) Object.assign(letter, this.#world.custody.way(letter.lock));
    const twice = this.#letters
      .filter((l) => l.copies > 1)
      .map((l) => `delivered ${l.copies} times: ${l.text}`);
    return {
      spreadingFactor: this.#options.spreadingFactor,
      letters: this.#letters,
      routingShare: this.#routingMs.map((ms) => ms / (now - this.#measuredFrom)),
      mailAirtimeMs: this.#mailAirtimeMs,
      busiestHourMs: Math.max(...this.#onAir.map(busiestHour)),
      violations: [...this.#violations, ...this.#world.custody.violations, ...twice],
      virtualHours: now / HOUR,
    };
  }

  #sent(transmission: Transmission): void {
    const { endMs, from, startMs } = transmission;
    const sender = Number(from.slice(1));
    this.#onAir[sender]?.push({ at: startMs, ms: endMs - startMs });
    if (startMs < this.#measuredFrom) return;
    if (!ROUTING.has(kindOf(transmission))) {
      this.#mailAirtimeMs += endMs - startMs;
      return;
    }
    this.#addRouting(sender, endMs - startMs);
  }

  /** Wherever a box is audible, what it spends on routing is the channel's. */
  #addRouting(sender: number, ms: number): void {
    const heard = this.#topology.lossDb[sender] ?? new Map<number, number>();
    for (const [i, lossDb] of [[sender, 0] as const, ...heard])
      if (lossDb <= this.#topology.audibleDb && this.#isOnOneSide(sender, i))
        this.#routingMs[i] = (this.#routingMs[i] ?? 0) + ms;
  }

  /** What routing says within sealed frames (keys, wants, answers) looks like mail on the air: the boxes count it. */
  #noteSealed(): void {
    for (const [i, { counters }] of this.#boxes.entries()) {
      const ms = counters.get('mesh.sealed-ms');
      const noted = this.#sealedMs[i];
      const sinceThen = ms - (noted?.counters === counters ? noted.ms : 0);
      this.#sealedMs[i] = { counters, ms };
      if (sinceThen === 0) continue;
      this.#addRouting(i, sinceThen);
      this.#mailAirtimeMs -= sinceThen;
    }
  }

  #noteReceipts(): void {
    const open = new Set(this.#letters.filter((l) => !l.receipted).map((l) => l.from));
    for (const i of open) {
      const box = this.#boxes[i];
      if (!box?.runs) continue;
      for (const { state, text } of box.node.outbox()) {
        const letter = this.#byText.get(text);
        if (!letter || state !== 'delivered') continue;
        letter.receipted = true;
        if (letter.deliveredAt === undefined)
          this.#violations.push(
            `b${i} says that its letter to b${letter.to} has arrived, and it has not: ${text}`,
          );
      }
    }
  }

  /** Whatever has not arrived is known to its writer, as under way or as expired. */
  #noteForgotten(): void {
    for (const { from, receipted, text, to } of this.#letters) {
      const box = this.#boxes[from];
      if (receipted || !box?.runs || box.node.outbox().some((m) => m.text === text)) continue;
      this.#violations.push(`b${from} knows nothing any more of its letter to b${to}: ${text}`);
    }
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
    const { perDay = 4 } = this.#options;
    if (perDay === 0) return;
    const mean = (24 * HOUR) / perDay;
    sim.after(-Math.log(1 - uniform(random)) * mean, async () => {
      if (!this.#writing) return;
      this.#write(i, random);
      const box = this.#boxes[i];
      if (!box?.runs) return;
      const to = (i + 1 + below(random, this.#boxes.length - 1)) % this.#boxes.length;
      const head = `letter ${this.#letters.length} from ${i} to ${to}: `;
      const text =
        head +
        'so long and no longer than a hundred bytes, as people write to each other every day. '
          .repeat(2)
          .slice(0, 100 - head.length);
      const at = sim.monotonic();
      const stored = await box.node.send(this.#codes[to] ?? '', text).catch(() => undefined);
      const lock = stored && this.#world.custody.lastWritten(box.name);
      if (!lock) return;
      const letter: Letter = {
        ...{ from: i, to, text, at, lock, hops: distance(this.#topology, i, to) },
        ...{ deliveredAt: undefined, oracleAt: undefined },
        ...{ copies: 0, receipted: false, entries: 0, raised: 0 },
      };
      this.#letters.push(letter);
      this.#byText.set(text, letter);
      this.#oracle.written(letter, at);
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
        this.#noteSealed();
        box.pullThePlug();
        turnOn();
      });
    const turnOn = () =>
      after(churn.offHours, async () => {
        await box.start();
        this.#listen(i);
        this.#oracle.flood(sim.monotonic());
        turnOff();
      });
    turnOff();
  }

  #open(): void {
    this.#parted = false;
    for (const [i, heard] of this.#topology.lossDb.entries())
      for (const [k, lossDb] of heard) this.#world.air.setOneWayLoss(`b${i}`, `b${k}`, lossDb);
    this.#oracle.flood(this.#world.sim.monotonic());
  }

  #part(): void {
    this.#parted = true;
    for (const [i, heard] of this.#topology.lossDb.entries())
      for (const k of heard.keys())
        if (!this.#isOnOneSide(i, k))
          this.#world.air.setOneWayLoss(`b${i}`, `b${k}`, Number.POSITIVE_INFINITY);
  }

  /** Now: there are two while the mesh is parted. */
  #isOnOneSide(i: number, k: number): boolean {
    const half = this.#boxes.length / 2;
    return !this.#parted || i < half === k < half;
  }
}
