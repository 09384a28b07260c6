/** Items that several want are said once: docs/protocol/store.md, "NXS-Pub"; docs/protocol/link.md, "Shared frames". */
import { afterEach, describe, expect, test } from 'vitest';
import { KIND } from '../../src/link/frame.ts';
import { type Box, SF7, World } from '../world.ts';
import { MINUTE } from './messages.ts';
import { AirLog } from './situations/air-log.ts';

const HOUR = 60 * MINUTE;
const TEXT = 'Snow on the pass, take chains';
/** Bytes of the item's parcel: header 3, address 12, text. */
const PARCEL = 3 + 12 + TEXT.length;
const PUSH = 22 + PARCEL;
const ACK = 24;
const GOT = 26;
/** With a tag for each of so many neighbours. */
const shared = (members: number) => 24 + 3 * members + PARCEL;

let world: World;
afterEach(() => world.end());

interface Star {
  readonly publisher: Box;
  readonly hub: Box;
  readonly readers: readonly Box[];
  /** What each reader has got. */
  readonly read: readonly (readonly string[])[];
  /** Publishes, and runs until everybody has it; what hub and readers said of it then, by length. */
  readonly publish: (text?: string) => Promise<number[]>;
}

/** A publisher, a hub and those who read there; readers do not hear each other. The first `wired` are on its LAN too. */
async function star(readers: number, { settings = SF7, wired = 0 } = {}): Promise<Star> {
  world = new World({ apart: true, seed: `s9 ${readers}`, settings });
  const publisher = world.box('publisher');
  const hub = world.box('hub', wired > 0 ? { radio: true, lan: [] } : { radio: true });
  const all = Array.from({ length: readers }, (_, i) =>
    world.box(`reader ${i}`, i < wired ? { radio: true, lan: ['hub'] } : { radio: true }),
  );
  for (const box of [publisher, ...all]) world.join(box, hub);
  for (const box of [hub, publisher, ...all]) {
    await world.settle(box.start());
    // those who cannot hear each other would not get through to the hub all at once
    await world.sim.run(MINUTE);
  }
  const isRegistered = (box: Box) => box.node.status().mailboxes.some((m) => m.registered);
  await world.sim.until(() => [publisher, ...all].every(isRegistered), HOUR, 'mailboxes');
  // some of those who do not hear each other get through to the hub at their second or third attempt only
  await world.sim.run(3 * HOUR);
  const read = all.map((box) => follow(box));
  await world.sim.run(3 * MINUTE);
  const log = new AirLog(world.air);
  const publish = async (text = TEXT) => {
    await world.settle(publisher.node.publish('roads/pass', text));
    await world.sim.run(MINUTE);
    const before = log.frames.length;
    await world.sim.until(() => read.every((r) => r.includes(text)), 2 * HOUR, 'the item');
    await world.sim.run(MINUTE);
    const isOfIt = ({ bytes, kind }: { bytes: Uint8Array; kind: number }) =>
      kind === KIND.sealed
        ? [PUSH, ACK, GOT].includes(bytes.length)
        : kind === KIND.shared && bytes.length === shared(readers + 1);

    const lengths = log.frames
      .slice(before)
      .filter(isOfIt)
      .map((f) => f.bytes.length);
    // what comes before the item is about something else
    const first = lengths.findIndex((length) => length === PUSH || length === shared(readers + 1));
    return lengths.slice(first);
  };
  return { publisher, hub, readers: all, read, publish };
}

function follow(box: Box): string[] {
  const texts: string[] = [];
  void (async () => {
    for await (const item of box.node.subscribe('roads/*', new AbortController().signal))
      texts.push(item.text);
  })();
  return texts;
}

/** From now on, of frames of one length that one box says, the first never reaches another. */
function loseOne(from: Box, to: Box, length: number): void {
  let lost = 0;
  world.air.onStart.on((t) => {
    if (t.from !== from.name) return;
    const isLost = t.bytes.length === length && lost++ === 0;
    world.air.setOneWayLoss(from.name, to.name, isLost ? Number.POSITIVE_INFINITY : 100);
  });
}

const sum = (lengths: readonly number[]) => lengths.reduce((a, b) => a + b, 0);
const count = (box: Box, what: string) => box.counters.get(`pub.${what}`);

describe('what an item costs between a hub and those who want it', () => {
  test('one: a push and its acknowledgement', async () => {
    const { hub, publish, read } = await star(1);
    expect(await publish()).toEqual([PUSH, ACK]);
    expect(read).toEqual([[TEXT]]);
    expect(count(hub, 'shared-items')).toBe(0);
  });

  // singly, each would take what one does
  test.each([
    [2, 129, 180],
    [5, 216, 450],
  ])(
    '%i: one shared frame and a short answer of each, %i bytes instead of %i',
    async (n, bytes, singly) => {
      const { hub, publish, read } = await star(n);
      const lengths = await publish();
      expect(lengths).toEqual([shared(n + 1), ...Array(n).fill(GOT)]);
      expect([sum(lengths), n * (PUSH + ACK)]).toEqual([bytes, singly]);
      expect(read).toEqual(Array(n).fill([TEXT]));
      expect(count(hub, 'shared-items')).toBe(1);
    },
    30_000,
  );

  test('10: little more than half of what it would cost singly, though one or two may not be linked, or not be heard', async () => {
    const { hub, publish, read } = await star(10);
    const lengths = await publish();
    expect(lengths[0]).toBe(shared(11));
    expect(lengths.filter((l) => l === GOT).length).toBeGreaterThanOrEqual(8);
    expect(sum(lengths)).toBeLessThan(0.6 * 10 * (PUSH + ACK));
    expect(read).toEqual(Array(10).fill([TEXT]));
    expect(count(hub, 'shared-items')).toBe(1);
  }, 30_000);

  test('where frames take eight times as long, nobody speaks in the turn of another either', async () => {
    const { publish } = await star(5, { settings: { ...SF7, spreadingFactor: 10 } });
    expect(await publish()).toEqual([shared(6), ...Array(5).fill(GOT)]);
  }, 30_000);

  test('several items at once are answered for together', async () => {
    const { hub, publish, read } = await star(3);
    const log = new AirLog(world.air);
    const others = ['Fog in the valley', 'Ice on the bridge'];
    void publish(others[0]);
    void publish(others[1]);
    await publish();
    expect(read.map((r) => [...r].sort())).toEqual(Array(3).fill([...others, TEXT].sort()));
    expect(count(hub, 'shared-items')).toBe(3);
    expect(log.frames.filter((f) => f.bytes.length === GOT + 8)).toHaveLength(3);
  });
});

describe('what is lost', () => {
  test('of the shared frame is handed over singly, to those alone that have not heard it', async () => {
    const { hub, publish, read, readers } = await star(3);
    loseOne(hub, readers[1] as Box, shared(4));
    expect(await publish()).toEqual([shared(4), GOT, GOT, PUSH, ACK]);
    expect(read).toEqual(Array(3).fill([TEXT]));
  });

  test('of the answers costs another copy, which changes nothing', async () => {
    const { hub, publish, read, readers } = await star(3);
    loseOne(readers[1] as Box, hub, GOT);
    expect(await publish()).toEqual([shared(4), GOT, GOT, GOT, PUSH, ACK]);
    expect(read).toEqual(Array(3).fill([TEXT]));
  });

  test('with the plug of the hub comes again after its start, once', async () => {
    const { hub, publish, read, readers } = await star(2);
    for (const reader of readers) loseOne(hub, reader, shared(3));
    const isSaid = () => count(hub, 'shared-items') > 0;
    const published = publish();
    await world.sim.until(isSaid, 2 * HOUR, 'the shared frame');
    hub.pullThePlug();
    await world.settle(hub.start());
    await published;
    expect(read).toEqual(Array(2).fill([TEXT]));
  });
});

test('who is on the LAN too is handed it there at once; the shared frame it hears it does not answer', async () => {
  const { hub, publish, read, readers } = await star(3, { wired: 1 });
  const [wired] = readers as [Box];
  const lengths = await publish();
  expect(lengths).toEqual([shared(4), GOT, GOT]);
  expect(read).toEqual(Array(3).fill([TEXT]));
  expect([count(wired, 'shared-again'), count(hub, 'unasked-got')]).toEqual([1, 0]);
});

test('what is followed by nobody but its sender’s other neighbours is overheard, and not kept', async () => {
  const { publisher, readers, read } = await star(3);
  const [, , other] = readers as [Box, Box, Box];
  await world.settle(other.node.unsubscribe('roads/*'));
  await world.sim.run(MINUTE);
  await world.settle(publisher.node.publish('roads/pass', TEXT));
  await world.sim.until(() => read.slice(0, 2).every((r) => r.length > 0), 2 * HOUR, 'the item');
  await world.sim.run(MINUTE);
  expect(count(other, 'overheard-item')).toBe(1);
  expect(read[2]).toEqual([]);
});
