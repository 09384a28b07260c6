/** A disk or card that changes what was written: boxes count it, set it aside, and go on. */
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { below, SeededRandom } from '../../src/core/random.ts';
import { counter } from '../../src/db/codecs.ts';
import { Environment, fromBytes } from '../../src/db/environment.ts';
import { Layer } from '../../src/db/overlay.ts';
import { World } from '../world.ts';
import { MINUTE, message, textsOf } from './messages.ts';

let world: World;
afterEach(() => world.end());

/** Two boxes with mail behind them and some before them; the first is off. */
async function mailAndOff() {
  world = new World({ seed: 'damaged', mayLoseCustody: true });
  const [a, b] = await world.boxes('a', 'b');
  await world.settle(a.node.addContact('b', b.contact));
  await message(world, a, 'b', 'before');
  b.pullThePlug();
  for (let i = 0; i < 3; i++) await world.settle(a.node.send('b', `waits ${i}`));
  await world.sim.run(1000);
  await world.settle(a.stop());
  return { a, b };
}

const start = (box: { start(): Promise<void> }) => world.sim.resolve(box.start(), MINUTE, 'the start');

test('an object whose bytes are lost is dropped and counted; its sender is told, and other mail goes on', async () => {
  const { a, b } = await mailAndOff();
  const environment = new Environment(join(a.directory, 'db'), false);
  environment.openTable('object');
  const [first] = environment.range('object', { from: undefined, to: undefined, reverse: false });
  expect(first).toBeDefined();
  const layer = new Layer();
  layer.set('object', first?.key ?? fromBytes(counter.encode(1)), Uint8Array.of(1, 2, 3));
  environment.writeSync(layer);
  await environment.close();
  await start(a);
  await start(b);
  await world.sim.until(() => textsOf(b).length === 3, 60 * MINUTE, 'the other mail');
  expect(textsOf(b)).toEqual(['before', 'waits 1', 'waits 2']);
  expect(a.node.status().counters['db.damaged-record']).toBe(1);
  const lost = a.node.outbox().find((m) => m.text === 'waits 0');
  expect(lost?.history.at(-1)?.detail).toBe('The disk or card has lost it: send it again.');
  expect(a.node.store(0, 10).entries.find((e) => e.state === 'dropped')).toMatchObject({ mayGo: 'gone' });
});

test('a box whose database was cut short is the same box, without contacts and mail, and says so in its status', async () => {
  const { a, b } = await mailAndOff();
  truncateSync(join(a.directory, 'db', 'data.mdb'), 20_000);
  await start(a);
  expect(a.node.identity().nodeId).toBe(Buffer.from(a.nodeId).toString('hex'));
  expect([a.node.contacts(), a.node.outbox()]).toEqual([[], []]);
  expect(a.node.status().store).toMatchObject({
    state: 'ok',
    sentence: expect.stringMatching(
      /^The database was damaged \(cut short\) and is kept as .*db\.damaged-1; .*\.$/,
    ),
  });
  await start(b);
  await world.settle(a.node.addContact('b', b.contact));
  // counters went on: what b remembers of a does not stand in the way, though the airtime is taken for spent
  const sent = await world.settle(a.node.send('b', 'after'));
  await world.sim.until(() => textsOf(b).includes('after'), 150 * MINUTE, `the mail ${sent.id}`);
});

describe('bits flipped anywhere in the file of a box with mail', () => {
  test('never stop it from starting and running', async () => {
    const { a } = await mailAndOff();
    const kept = mkdtempSync(join(tmpdir(), 'nexus-kept-'));
    cpSync(a.directory, kept, { recursive: true });
    const random = new SeededRandom('flips');
    const outcomes = new Set<string>();
    for (let round = 0; round < 30; round++) {
      rmSync(a.directory, { recursive: true });
      cpSync(kept, a.directory, { recursive: true });
      const file = join(a.directory, 'db', 'data.mdb');
      const bytes = readFileSync(file);
      // LMDB's pages are mostly empty here: enough flips to hit something
      for (let left = 1 + below(random, round % 3 > 0 ? 40 : 4); left > 0; left--) {
        const anywhere = below(random, bytes.length);
        // every third round where a page says what is in it
        const at = round % 3 > 0 ? anywhere : anywhere - (anywhere % 4096) + below(random, 32);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << below(random, 8));
      }
      writeFileSync(file, bytes);
      await start(a);
      await world.sim.run(2 * MINUTE);
      const { counters, store } = a.node.status();
      outcomes.add(store.sentence ? 'set aside' : counters['db.damaged-record'] ? 'records' : 'none');
      a.node.store(0, 100);
      a.node.outbox();
      await world.settle(a.stop());
    }
    rmSync(kept, { recursive: true });
    expect([...outcomes].sort()).toEqual(['none', 'records', 'set aside']);
  }, 60_000);
});
