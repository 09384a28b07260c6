/** docs/protocol/link.md, "After a restart": what is remembered of sessions and neighbourhoods, and what is refused. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../src/core/bytes.ts';
import { openDatabase } from '../../src/db/open.ts';
import { Identity } from '../../src/identity/keys.ts';
import { nodeIdFrom } from '../../src/identity/node-id.ts';
import { FOLLOWS, type Message2Form, readFrame } from '../../src/link/frame.ts';
import { LINKS } from '../../src/link/link-memory.ts';
import { REKEY_AFTER, SESSION_AGE, SESSION_BLOCK } from '../../src/link/session.ts';
import type { Live } from '../../src/link/sessions.ts';
import { Simulation } from '../simulation.ts';
import { KeptBox } from './kept-box.ts';
import { Party, sealedForm } from './pairs.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let sim: Simulation;
let box: KeptBox;
let b: Party;
/** Both ends of a session that the box began. */
let atBox: Live;
let atB: Live;

const now = () => sim.monotonic();
const current = () => box.is.sessions.current(b.id, now());
const say = (from: Live) => from.session.seal(utf8('x'), FOLLOWS.answer, now()).frame;
const toB = (frame = say(atBox)) => opened(b.open(frame, now()));
const toBox = (frame = say(atB)) => opened(box.is.sessions.open(sealedForm(frame), now()));

function opened(result: { n: bigint; live: Live } | string) {
  return typeof result === 'string' ? result : result.n;
}

function begin(): Live {
  const { sessions } = box.is;
  const message1 = sessions.begin(b.id, b.identity.publicKey, now())?.message1;
  const message2 = message1 && b.respond(message1, now());
  if (!message2 || typeof message2 === 'string') throw new Error('no handshake');
  const live = sessions.finish(readFrame(message2) as Message2Form, now());
  if (!live) throw new Error('no session');
  return live;
}

/** The plug is pulled, and the box is started again. */
async function restart(): Promise<void> {
  await box.pullThePlug();
  await box.start();
}

/** The rows on the disk of the box, which is off; `change` changes them. */
async function onDisk(change: (rows: Map<string, Uint8Array>) => void = () => {}): Promise<string[]> {
  const db = await openDatabase(box.directory, {
    durability: { kind: 'simulated', clock: sim, delay: () => 1 },
  });
  const table = db.table(LINKS);
  const rows = new Map(db.read((tx) => [...tx.range(table)]).map(({ key, value }) => [key, value]));
  change(rows);
  const written = db.commit((tx) => {
    for (const [name, row] of rows) tx.put(table, name, row);
  });
  await sim.resolve(written, 1000);
  await db.abandon();
  return [...rows.keys()].map((name) => name.replace(/\d+$/, 'n'));
}

beforeEach(async () => {
  sim = new Simulation();
  box = new KeptBox(sim, 'a');
  b = new Party('b');
  await box.start();
  atBox = begin();
  toB();
  const [there] = b.sessions.of(box.identity.nodeId);
  if (!there) throw new Error('no session at b');
  atB = there;
  toBox();
});

describe('a session', () => {
  test('goes on after a power cut, both ways, once it was saved: within two seconds', async () => {
    await sim.run(2_100);
    await restart();
    const resumed = current();
    expect(resumed?.index).toBe(atBox.index);
    expect(resumed?.publicKey).toEqual(b.identity.publicKey);
    expect(resumed?.initiator).toEqual(box.identity.nodeId);
    if (resumed) expect(toB(say(resumed))).toBe(SESSION_BLOCK);
    expect(toBox()).toBe(1n);
  });

  test('that was not saved yet is gone', async () => {
    await sim.run(1_900);
    await restart();
    expect(current()).toBeUndefined();
  });

  test('is saved at an orderly end, whatever came just before', async () => {
    await box.stop();
    await box.start();
    expect(current()?.index).toBe(atBox.index);
  });

  test('of the other side lasts as well, where it is the one that restarts', async () => {
    const c = new KeptBox(sim, 'c');
    await c.start();
    const message1 = c.is.sessions.begin(box.identity.nodeId, box.identity.publicKey, now())?.message1;
    const form = readFrame(message1 ?? new Uint8Array(1));
    if (!message1 || typeof form === 'string' || form.form !== 'message-1') throw new Error('no message 1');
    const response = box.is.sessions.respond(message1, form, now());
    if (typeof response === 'string') throw new Error(response);
    const atC = c.is.sessions.finish(readFrame(response.message2) as Message2Form, now());
    if (!atC) throw new Error('no session');
    toBox(say(atC));
    await sim.run(2_100);
    await restart();
    await c.pullThePlug();
    await c.start();
    const [here, there] = [
      box.is.sessions.current(c.identity.nodeId, now()),
      c.is.sessions.current(box.identity.nodeId, now()),
    ];
    expect(here?.initiator).toEqual(c.identity.nodeId);
    if (!here || !there) throw new Error('a session is gone');
    expect(toBox(say(there))).toBe(SESSION_BLOCK);
    expect(opened(c.is.sessions.open(sealedForm(say(here)), now()))).toBe(SESSION_BLOCK);
  });

  test('refuses after a restart what had come before it was saved', async () => {
    const early = say(atB);
    const late = say(atB);
    expect(toBox(late)).toBe(2n);
    await box.stop();
    await box.start();
    expect([toBox(early), toBox(late)]).toEqual(['replay', 'replay']);
    expect(toBox()).toBe(3n);
  });

  test('has its receive window saved every ten minutes at least', async () => {
    await sim.run(2_100);
    const frame = say(atB);
    toBox(frame);
    await sim.run(10 * MINUTE);
    await restart();
    expect(toBox(frame)).toBe('replay');
  });

  test('goes on under the keys of its last rekey, in both directions', async () => {
    await sim.run(REKEY_AFTER);
    atBox.session.acknowledged(0n);
    atB.session.acknowledged(0n);
    expect([toB(), toBox()]).toEqual([1n, 1n]);
    expect(atBox.session.kept?.sendPhase).toBe(1);
    await sim.run(2_100);
    await restart();
    const resumed = current();
    if (!resumed) throw new Error('gone');
    expect(resumed.session.kept).toMatchObject({ sendPhase: 1, receivePhase: 1, keyKnown: false });
    expect([toB(say(resumed)), toBox()]).toEqual([SESSION_BLOCK, 2n]);
    // and changes them an hour after it did
    resumed.session.acknowledged(SESSION_BLOCK);
    await sim.run(REKEY_AFTER - 5_000);
    toB(say(resumed));
    expect(resumed.session.kept?.sendPhase).toBe(1);
    await sim.run(5_000);
    toB(say(resumed));
    expect(resumed.session.kept?.sendPhase).toBe(0);
  });

  test('is as old as the time it ran: that of a box switched off does not count', async () => {
    await sim.run(SESSION_AGE - 2 * HOUR);
    await box.stop();
    await sim.run(100 * HOUR);
    await box.start();
    expect(current()).toBeDefined();
    await sim.run(2 * HOUR - 1000);
    expect(current()).toBeDefined();
    await sim.run(1100);
    expect(current()).toBeUndefined();
  });

  test('that is too old is not restored, and leaves the disk', async () => {
    await sim.run(SESSION_AGE + 10 * MINUTE);
    await box.pullThePlug();
    expect(await onDisk()).toEqual([]);
  });

  test('that has ended leaves the disk, and the others stay', async () => {
    await sim.run(1_000);
    const other = begin();
    toB(say(other));
    await sim.run(2_100);
    box.is.sessions.sweep(now() + 2 * MINUTE);
    await sim.run(2_100);
    await box.pullThePlug();
    expect(await onDisk()).toEqual(['head', 'session lora n']);
    await box.start();
    expect(current()?.index).toBe(other.index);
  });

  test('that is forgotten leaves the disk', async () => {
    await sim.run(2_100);
    box.is.sessions.forget(b.id, now());
    await sim.run(2_100);
    await box.pullThePlug();
    expect(await onDisk()).toEqual([]);
  });

  test('in doubt is still in doubt, until a frame opens', async () => {
    atBox.suspect = true;
    await box.stop();
    await box.start();
    expect(current()).toBeUndefined();
    toBox();
    expect(current()?.index).toBe(atBox.index);
  });

  test('is spent after 64 restarts', async () => {
    await sim.run(2_100);
    for (let i = 1; i < 64; i++) {
      await restart();
      expect(current()?.session.sent).toBe(BigInt(i) * SESSION_BLOCK);
    }
    await restart();
    expect(current()).toBeUndefined();
  });
});

describe('a disk that takes nothing', () => {
  test('is no failure of the session, which is only not restored', async () => {
    box.free = 0;
    await sim.run(2_100);
    expect(box.counters.get('link.memory-not-saved')).toBe(1);
    expect(toB()).toBe(1n);
    box.free = 2 ** 40;
    await restart();
    expect(current()).toBeUndefined();
  });

  test('has it saved when it takes something again', async () => {
    box.free = 0;
    await sim.run(2_100);
    box.free = 2 ** 40;
    await sim.run(10 * MINUTE);
    await restart();
    expect(current()?.index).toBe(atBox.index);
  });

  test('lets a session seal 256 frames, and then a fresh one is due', async () => {
    box.free = 0;
    while (!atBox.session.ended) toB();
    expect(atBox.session.sent).toBe(256n);
    expect(current()).toBeUndefined();
    // what comes in still opens
    expect(toBox()).toBe(1n);
    const next = begin();
    expect(toB(say(next))).toBe(0n);
  });
});

describe('neighbourhoods', () => {
  const member = nodeIdFrom(new Uint8Array(16).fill(7));
  const offer = {
    ...{ wantsYours: false, slot: 3, index: 9, counter: 0x1ffn },
    key: new Uint8Array(32).fill(1),
    tagKey: new Uint8Array(16).fill(2),
  };

  test('come back with their members, slots and keys, in a later generation', async () => {
    const { memory, ours, theirs } = box.is;
    const admitted = ours.admit(member);
    const other = ours.admit(b.id);
    if (!admitted || !other) throw new Error('no place');
    other.holds = true;
    theirs.add(b.id, offer);
    memory.changed();
    await sim.run(2_100);
    const members = structuredClone(ours.members);
    const { index } = ours;
    await restart();
    expect(box.is.ours.index).toBe(index);
    expect(box.is.ours.members).toEqual(members);
    expect(box.is.ours.generation).toBe(8n);
    expect([...box.is.theirs.offers()]).toEqual([{ from: b.id, offer }]);
  });

  test('without members are not worth a row', async () => {
    await box.stop();
    expect(await onDisk()).toEqual(['head', 'session lora n']);
  });

  test('of many restarts without a save are given up: neighbours could not follow', async () => {
    box.is.ours.admit(member);
    await box.stop();
    const { index } = (await box.start()).ours;
    for (let i = 1; i < 16; i++) await restart();
    expect(box.is.ours.index).toBe(index);
    await restart();
    expect(box.is.ours.index).not.toBe(index);
    expect(box.is.ours.members).toEqual([]);
  });
});

describe('what is on the disk', () => {
  test('of another identity is dropped, counted and removed', async () => {
    await box.stop();
    box.identity = new Identity(new Uint8Array(32).fill(5));
    await box.start();
    expect(box.is.sessions.of(b.id)).toEqual([]);
    expect(box.counters.get('link.refused.memory')).toBe(2);
    await sim.run(2_100);
    await box.pullThePlug();
    expect(await onDisk()).toEqual([]);
  });

  test('is dropped where the marks beside the database are gone: it may be any old one', async () => {
    await box.stop();
    rmSync(join(box.directory, 'db.marks'));
    await box.start();
    expect(box.is.sessions.of(b.id)).toEqual([]);
    expect(box.counters.get('link.refused.memory')).toBe(2);
  });

  test('without its head is dropped', async () => {
    await box.stop();
    await onDisk((rows) => rows.set('head', new Uint8Array(3)));
    await box.start();
    expect(box.is.sessions.of(b.id)).toEqual([]);
    expect(box.counters.get('link.refused.memory')).toBe(2);
  });

  test.each([
    ['cut short', (row: Uint8Array) => row.subarray(0, row.length - 1)],
    ['too long', (row: Uint8Array) => new Uint8Array([...row, 0])],
    ['empty', () => new Uint8Array(0)],
    ['of index 0', (row: Uint8Array) => row.fill(0, 0, 2)],
    ['with flags nobody knows', (row: Uint8Array) => row.fill(0xff, 2, 3)],
    ['made in the future', (row: Uint8Array) => row.fill(0x7f, 51, 59)],
    ['with an index of 0 at the other side', (row: Uint8Array) => row.fill(0, 67, 69)],
    ['of an epoch to come', (row: Uint8Array) => row.fill(0x7f, 69, 72)],
  ])('a session %s is dropped and counted', async (_what, change) => {
    await box.stop();
    await onDisk((rows) => {
      for (const [name, row] of rows) if (name.startsWith('session')) rows.set(name, change(row));
    });
    await box.start();
    expect(box.is.sessions.of(b.id)).toEqual([]);
    expect(box.counters.get('link.refused.memory')).toBe(1);
  });

  test.each([
    ['ours', 'cut short', (row: Uint8Array) => row.subarray(0, row.length - 1)],
    ['ours', 'of index 0', (row: Uint8Array) => row.fill(0, 0, 2)],
    ['ours', 'of an epoch to come', (row: Uint8Array) => row.fill(1, 2, 3)],
    ['ours', 'whose member neither holds nor lacks the key', (row: Uint8Array) => row.fill(2, 50, 51)],
    ['theirs', 'cut short', (row: Uint8Array) => row.subarray(0, row.length - 1)],
    ['theirs', 'in a slot nobody has', (row: Uint8Array) => row.fill(24, 16, 17)],
  ])('a key of %s %s is dropped and counted', async (whose, _what, change) => {
    const { ours, theirs } = box.is;
    ours.admit(b.id);
    const key = { key: new Uint8Array(32), tagKey: new Uint8Array(16) };
    theirs.add(b.id, { wantsYours: false, slot: 0, index: 1, counter: 0n, ...key });
    await box.stop();
    await onDisk((rows) => {
      for (const [name, row] of rows) if (name.startsWith(whose)) rows.set(name, change(row));
    });
    await box.start();
    expect(box.is.ours.members).toHaveLength(whose === 'ours' ? 0 : 1);
    expect(box.is.theirs.has(b.id)).toBe(whose === 'ours');
    expect(box.counters.get('link.refused.memory')).toBe(1);
  });
});
