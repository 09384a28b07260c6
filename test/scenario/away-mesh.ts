/** A mesh of which half the boxes are off four fifths of the time: docs/protocol/store.md, "Mailboxes". */
import { expect } from 'vitest';
import { below, type Random, uniform } from '../../src/core/random.ts';
import { type Box, World } from '../world.ts';
import { MINUTE } from './messages.ts';
import { randomTopology, reachable, type Topology } from './topology.ts';

const HOUR = 60 * MINUTE;
const N = 12;
/** The first so many are always on. */
const RELAYS = 6;
const ON = 1 * HOUR;
const OFF = 4 * HOUR;

export interface AwayOptions {
  readonly seed: number | string;
  /** Hours in which letters are written. */
  readonly hours: number;
  readonly letters: number;
}

/** Those that are always on reach each other, and each of the others hears one of them. */
function village(random: Random): Topology {
  for (;;) {
    const topology = randomTopology(random, { n: N, degree: 5, edgeDb: 138 });
    const isRelay = (i: number) => i < RELAYS;
    const isServed = (i: number) => (topology.links[i] ?? []).some(isRelay);
    if (
      reachable(topology, [0], isRelay).size === RELAYS &&
      Array.from({ length: N }, (_, i) => i).every(isServed)
    )
      return topology;
  }
}

/** On and off, for random times. */
function sleep(world: World, box: Box, random: Random, isOver: () => boolean): void {
  const { sim } = world;
  const off = async () => {
    if (isOver()) return;
    if (uniform(random) < 0.5) box.pullThePlug();
    else await box.stop();
    sim.after(OFF * (0.5 + uniform(random)), async () => {
      await box.start();
      sim.after(ON * (0.5 + uniform(random)), () => void off());
    });
  };
  sim.after(ON * uniform(random), () => void off());
}

/** Every letter to those that are mostly off arrives, once, and its writer learns of it. */
export async function awayMesh({ hours, letters: count, seed }: AwayOptions): Promise<void> {
  const world = new World({ apart: true, seed, ttlDays: 7 });
  try {
    await run(world, hours, count);
  } finally {
    await world.end();
  }
}

async function run(world: World, hours: number, count: number): Promise<void> {
  const { sim } = world;
  const random = sim.random.fork('away');
  const topology = village(random.fork('topology'));
  const boxes = Array.from({ length: N }, (_, i) => world.box(`b${i}`));
  for (const [i, heard] of topology.lossDb.entries())
    for (const [k, lossDb] of heard) world.air.setOneWayLoss(`b${i}`, `b${k}`, lossDb);
  const started = boxes.map(async (box) => {
    await sim.sleep(10_000 * uniform(random));
    await box.start();
  });
  await sim.resolve(Promise.all(started), MINUTE);
  const codes = boxes.map((b) => b.contact);
  await sim.run(3 * HOUR);
  const began = sim.monotonic();
  const isOver = () => sim.monotonic() - began > hours * HOUR;
  for (const [i, box] of boxes.slice(RELAYS).entries())
    sleep(world, box, random.fork(`sleeper ${i}`), isOver);

  const letters: { readonly text: string; readonly from: Box; readonly to: Box; readonly wasOff: boolean }[] =
    [];
  for (let i = 0; i < count; i++) {
    await sim.run(((hours * HOUR) / count) * (0.5 + uniform(random)));
    const from = boxes[below(random, RELAYS)] as Box;
    const k = RELAYS + below(random, N - RELAYS);
    const to = boxes[k] as Box;
    const text = `letter ${i} to ${to.name}`;
    letters.push({ text, from, to, wasOff: !to.on });
    await world.settle(from.node.send(codes[k] as string, text));
  }
  await sim.run(2 * OFF);
  for (const box of boxes) if (!box.on) await world.settle(box.start());
  const isDelivered = (text: string, from: Box) =>
    from.node.outbox().some((m) => m.text === text && m.state === 'delivered');
  await sim.until(
    () => letters.every(({ from, text }) => isDelivered(text, from)),
    6 * HOUR,
    'the last receipts',
  );
  expect(letters.filter((l) => l.wasOff).length).toBeGreaterThan(count / 2);
  for (const box of boxes.slice(RELAYS)) {
    const texts = Array.from(box.node.inbox(), (m) => m.text);
    expect([...texts].sort()).toEqual(
      letters
        .filter((l) => l.to === box)
        .map((l) => l.text)
        .sort(),
    );
  }
}
