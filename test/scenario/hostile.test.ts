/** What strangers put on the air or write, and a disk that is full: counted, refused, and the mail goes on. */
import { afterEach, describe, expect, test } from 'vitest';
import { SimSx1276 } from '../../drivers/sim/sx1276.ts';
import { Sx127x } from '../../drivers/sx127x/sx127x.ts';
import { Counters } from '../../src/core/counters.ts';
import { silent } from '../../src/core/log.ts';
import { below, uniform } from '../../src/core/random.ts';
import { STRANGERS_SHARE } from '../../src/messaging/inbox.ts';
import { fillInbox } from '../filled-inbox.ts';
import { type Box, SF7, World, type WorldOptions } from '../world.ts';
import { MINUTE, message, statesOf, textsOf } from './messages.ts';

let world: World;
afterEach(() => world.end());

async function two(options: WorldOptions = {}) {
  world = new World(options);
  const [a, b] = await world.boxes('a', 'b');
  await world.settle(a.node.addContact('b', b.contact));
  return { a, b };
}

/** A radio of nobody's that hears everything and sends what it likes. */
async function stranger(): Promise<{ heard: Uint8Array[]; say: (bytes: Uint8Array) => Promise<void> }> {
  const { air, sim } = world;
  const chip = new SimSx1276({ clock: sim, random: sim.random, air, name: 'stranger' });
  for (const box of ['a', 'b']) air.setLoss('stranger', box, 100);
  const radio = new Sx127x(chip.hardware, sim, new Counters(), silent);
  await world.settle(radio.start(SF7));
  const heard: Uint8Array[] = [];
  radio.onFrame.on((frame) => heard.push(frame.bytes.slice()));
  return {
    heard,
    say: async (bytes) => {
      await world.settle(radio.transmit(bytes));
    },
  };
}

/** Refusals of every kind that a box has counted. */
function refusals(counters: Record<string, number>): number {
  return Object.entries(counters)
    .filter(([name]) => name.includes('refused') || name.includes('overheard'))
    .reduce((sum, [, n]) => sum + n, 0);
}

describe('a stranger who has recorded everything', () => {
  test('and says it again, word for word, the next day and after a restart: nothing comes twice', async () => {
    const { a, b } = await two();
    const { heard, say } = await stranger();
    await message(world, a, 'b', 'once');
    expect(heard.length).toBeGreaterThanOrEqual(4);
    const recorded = [...heard];
    for (const bytes of recorded) await say(bytes);
    await world.sim.run(25 * 60 * MINUTE);
    for (const bytes of recorded) await say(bytes);
    await world.settle(b.stop());
    await world.settle(b.start());
    for (const bytes of recorded) await say(bytes);
    await world.sim.run(MINUTE);
    expect(textsOf(b)).toEqual(['once']);
    await message(world, a, 'b', 'and again');
    expect(textsOf(b)).toEqual(['once', 'and again']);
  });

  test('bent, cut and glued: refused and counted, and the mail goes through', async () => {
    const { a, b } = await two();
    const { heard, say } = await stranger();
    await message(world, a, 'b', 'first');
    const recorded = [...heard];
    const random = world.sim.random.fork('bender');
    const bend = (bytes: Uint8Array): Uint8Array => {
      const bent = bytes.slice();
      const at = below(random, bent.length);
      const kind = below(random, 4);
      if (kind === 0) bent[at] = (bent[at] ?? 0) ^ (1 << below(random, 8));
      if (kind === 1) return bent.slice(0, Math.max(1, at));
      if (kind === 2) return Uint8Array.from([...bent, ...random.bytes(20)]).slice(0, 255);
      if (kind === 3) bent[0] = random.bytes(1)[0] ?? 0;
      return bent;
    };
    for (let i = 0; i < 150; i++) {
      const bytes = recorded[below(random, recorded.length)] ?? Uint8Array.of(0);
      await say(uniform(random) < 0.2 ? random.bytes(1 + below(random, 255)) : bend(bytes));
    }
    await message(world, a, 'b', 'second');
    expect(textsOf(b)).toEqual(['first', 'second']);
    expect(refusals(b.node.status().counters)).toBeGreaterThan(50);
  });
});

test('every version and every kind that does not exist is counted by its reason', async () => {
  const { b } = await two();
  const { say } = await stranger();
  for (let first = 0; first < 256; first++) await say(Uint8Array.of(first, ...new Uint8Array(20)));
  const { counters } = b.node.status();
  expect(counters['link.refused.version']).toBe(192);
  expect(counters['link.refused.kind']).toBe(8);
  expect(counters['link.refused.flags']).toBeGreaterThan(20);
});

test('a message to somebody whose key is not the one in the contact goes nowhere, and says that it waits', async () => {
  const { a } = await two();
  const nobody = new World({ seed: 99 });
  const [other] = await nobody.boxes('other');
  const contact = other.contact;
  await nobody.end();
  const sent = await world.settle(a.node.send(contact, 'anybody?'));
  await world.sim.run(30 * MINUTE);
  expect(statesOf(a, sent.id)).toEqual(['composed', 'stored']);
});

describe("a box whose inbox has no more room for strangers' mail", () => {
  /** A contact and a stranger, who reach it by one relay. */
  async function crowded() {
    world = new World({ routed: true });
    const box = world.box('box');
    await fillInbox(box.directory, STRANGERS_SHARE.messages, 'much', true);
    await world.settle(box.start());
    const [contact, stranger, relay] = await world.boxes('contact', 'stranger', 'relay');
    await world.settle(box.node.addContact('contact', contact.contact));
    for (const from of [contact, stranger]) {
      world.part(from, box);
      await world.settle(from.node.addContact('box', box.contact));
      from.route(box, relay);
    }
    await world.sim.run(40 * MINUTE); // they are no neighbours any more
    return { box, contact, relay, stranger };
  }

  test("takes a contact's by the relay that holds a stranger's, of which it keeps nothing", async () => {
    const { box, contact, relay, stranger } = await crowded();
    const refused = await world.settle(stranger.node.send('box', 'let me in'));
    await world.sim.until(() => box.counters.get('store.full.inbox') > 0, 10 * MINUTE, 'the refusal');
    await message(world, contact, 'box', 'here I am');
    expect(textsOf(box).slice(STRANGERS_SHARE.messages)).toEqual(['here I am']);
    await world.sim.run(5 * 60 * MINUTE);
    // asked once: to be asked again and again would be airtime for nothing
    expect(box.counters.get('store.full.inbox')).toBe(1);
    expect(statesOf(stranger, refused.id).at(-1)).toBe('in custody');
    expect(relay.node.status().store.objects).toBe(1);
  });

  test.each([
    ['its sender has become a contact', (box: Box, from: Box) => box.node.addContact('it', from.contact)],
    ['a person has made room', (box: Box) => box.node.removeFromInbox('0100000000000000')],
  ])('has it later, where %s', async (_why, act) => {
    const { box, stranger } = await crowded();
    const sent = await world.settle(stranger.node.send('box', 'let me in'));
    await world.sim.until(() => box.counters.get('store.full.inbox') > 0, 10 * MINUTE, 'the refusal');
    const before = textsOf(box).length;
    await world.settle(act(box, stranger).then(() => {}));
    await world.sim.until(() => statesOf(stranger, sent.id).at(-1) === 'delivered', 8 * 60 * MINUTE, 'it');
    expect(textsOf(box).at(-1)).toBe('let me in');
    expect(before).toBe(STRANGERS_SHARE.messages);
  });
});

test("a mailbox that holds much mail of strangers hands over a contact's behind it without delay", async () => {
  world = new World({ apart: true, seed: 'crowded mailbox', ttlDays: 20 });
  const box = world.box('box');
  await fillInbox(box.directory, STRANGERS_SHARE.messages, 'much', true);
  await world.settle(box.start());
  const [contact, stranger, mailbox] = await world.boxes('contact', 'stranger', 'mailbox');
  for (const other of [box, contact, stranger]) world.join(mailbox, other);
  await world.settle(box.node.addContact('contact', contact.contact));
  for (const from of [contact, stranger]) await world.settle(from.node.addContact('box', box.contact));
  const isRegistered = () => box.node.status().mailboxes.some((m) => m.registered);
  await world.sim.until(isRegistered, 10 * MINUTE, 'its mailbox');
  await world.settle(box.stop());
  for (let i = 0; i < 40; i++) await world.settle(stranger.node.send('box', `let me in ${i}`));
  const letter = 'a longer letter, which is hinted at behind all that is shorter. '.repeat(3) + Math.E;
  await world.settle(contact.node.send('box', letter));
  for (let minutes = 0; minutes < 180 && mailbox.node.status().store.objects < 41; minutes++)
    await world.sim.run(MINUTE);
  await world.settle(box.start());
  await world.sim.until(() => contact.node.outbox().at(0)?.state === 'delivered', 9 * MINUTE, 'the letter');
  expect(textsOf(box).slice(STRANGERS_SHARE.messages)).toEqual([letter]);
});

describe('a full disk', () => {
  test('at the recipient: the giver is told, nothing is lost, and the mail comes once there is room', async () => {
    const room = { a: 1e9, b: 1e9 };
    const { a, b } = await two({ freeBytes: (name) => room[name as 'a' | 'b'] });
    room.b = 6 * 2 ** 20; // the reserve is 16 MiB: half of it is open to mail of one's own, housekeeping may use more
    const sent = await world.settle(a.node.send('b', 'no room for me'));
    await world.sim.run(2 * MINUTE);
    expect(statesOf(a, sent.id)).toEqual(['composed', 'stored']);
    expect([...b.node.inbox()]).toEqual([]);
    expect(b.node.status().store.state).toBe('full');
    expect(b.node.status().counters['store.refused.full']).toBeGreaterThan(0);
    room.b = 1e9;
    await world.sim.until(() => textsOf(b).length === 1, 90 * MINUTE, 'the mail');
    expect(b.node.status().store.state).toBe('ok');
  });

  test('keeps half of its reserve for mail of its own, in both directions', async () => {
    const { a, b } = await two({ freeBytes: () => 10 * 2 ** 20 });
    await message(world, a, 'b', 'there is room for this');
    expect(textsOf(b)).toEqual(['there is room for this']);
    expect([a.node.status().store.state, b.node.status().store.state]).toEqual(['full', 'full']);
  });

  test('at the sender: the message is refused in one sentence', async () => {
    const room = { a: 1e9, b: 1e9 };
    const { a } = await two({ freeBytes: (name) => room[name as 'a' | 'b'] });
    room.a = 6 * 2 ** 20;
    await expect(world.settle(a.node.send('b', 'no room here'))).rejects.toMatchObject({
      name: 'PersonError',
      code: 'disk-full',
    });
    expect(a.node.outbox()).toEqual([]);
    room.a = 1e9;
    await message(world, a, 'b', 'there is room again');
  });
});
