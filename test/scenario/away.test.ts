/** Mail for those who are away: docs/protocol/store.md, "Mailboxes"; docs/protocol/mesh.md, "Standing in". */
import { afterEach, describe, expect, test } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { KIND } from '../../src/link/frame.ts';
import { kindOf } from '../airtime.ts';
import { type Box, World, type WorldOptions } from '../world.ts';
import { MINUTE, statesOf, textsOf } from './messages.ts';

const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let world: World;
afterEach(() => world.end());

const isRegistered = (box: Box) => box.node.status().mailboxes.some((m) => m.registered);
const lastState = (box: Box, id: string) => statesOf(box, id).at(-1);

/** Sender, relay and recipient in a row, linked, each other's mailboxes; the sender knows the recipient. */
async function row(options: WorldOptions = {}) {
  world = new World({ apart: true, seed: 'away', ttlDays: 20, ...options });
  const [sender, relay, recipient] = await world.boxes('sender', 'relay', 'recipient');
  world.join(sender, relay);
  world.join(relay, recipient);
  await world.settle(sender.node.addContact('recipient', recipient.contact));
  await world.sim.until(() => [sender, relay, recipient].every(isRegistered), 10 * MINUTE, 'mailboxes');
  return { sender, relay, recipient };
}

/** Sender, two relays and recipient in a row. */
async function longRow(options: WorldOptions = {}) {
  world = new World({ apart: true, seed: 'far away', ttlDays: 20, ...options });
  const [sender, near, far, recipient] = await world.boxes('sender', 'near', 'far', 'recipient');
  world.join(sender, near);
  world.join(near, far);
  world.join(far, recipient);
  await world.settle(sender.node.addContact('recipient', recipient.contact));
  const boxes = [sender, near, far, recipient];
  await world.sim.until(() => boxes.every(isRegistered), 10 * MINUTE, 'mailboxes');
  return { sender, near, far, recipient };
}

const routeTo = (from: Box, to: { readonly nodeId: Uint8Array }) =>
  from.node.routes().find((r) => r.nodeId === toHex(to.nodeId))?.next;

describe('routes to a node that is away', () => {
  test('lead to its mailbox for as long as it is away, and to itself again when it is back', async () => {
    const { sender, far, recipient } = await longRow();
    await world.sim.until(() => routeTo(sender, recipient)?.hops === 3, 3 * HOUR, 'routes');
    await world.settle(recipient.stop());
    for (let hour = 0; hour < 12; hour += 4) {
      await world.sim.run(4 * HOUR);
      expect(routeTo(sender, recipient)?.hops).toBe(3);
    }
    const { id } = await world.settle(sender.node.send('recipient', 'Kept by your mailbox'));
    await world.sim.until(() => far.node.status().store.objects === 1, 30 * MINUTE, 'the mailbox');
    expect(lastState(sender, id)).toBe('in custody');
    await world.settle(recipient.start());
    await world.sim.until(() => lastState(sender, id) === 'delivered', 10 * MINUTE, 'the receipt');
    // it has gone on beyond all steps that its mailbox held
    await world.sim.run(3 * HOUR);
    expect(routeTo(sender, recipient)?.hops).toBe(3);
    await world.settle(sender.node.send('recipient', 'At once'));
    await world.sim.until(() => textsOf(recipient).length === 2, 2 * MINUTE, 'the second one');
  });

  test('lead to where it has moved', async () => {
    const { sender, near, far, recipient } = await longRow();
    await world.sim.until(() => routeTo(sender, recipient)?.hops === 3, 3 * HOUR, 'routes');
    await world.settle(recipient.stop());
    await world.sim.run(6 * HOUR);
    await world.settle(sender.node.send('recipient', 'Find me'));
    await world.sim.until(() => far.node.status().store.objects === 1, 30 * MINUTE, 'the mailbox');
    world.part(far, recipient);
    world.join(sender, recipient);
    await world.settle(recipient.start());
    await world.sim.until(() => textsOf(recipient).length === 1, 8 * HOUR, 'the mail');
    expect(textsOf(recipient)).toEqual(['Find me']);
    await world.sim.until(
      () => [sender, near, far].every((b) => b.node.status().store.objects === 0),
      DAY,
      'receipts',
    );
  });
});

describe('much mail', () => {
  test('is hinted, and pulled in the order of its recipient: the smallest first', async () => {
    const { sender, relay, recipient } = await row();
    await world.settle(recipient.stop());
    await world.sim.run(3 * HOUR);
    const random = world.sim.random.fork('texts');
    const letters = (n: number) =>
      Array.from(random.bytes(n), (x) => String.fromCharCode(33 + (x % 90))).join('');
    const texts = [900, 60, 700, 300, 1500, 100, 500, 200].map(letters);
    for (const text of texts) await world.settle(sender.node.send('recipient', text));
    await world.sim.until(() => relay.node.status().store.objects === texts.length, HOUR, 'custody');
    await world.sim.run(HOUR);
    await world.settle(recipient.start());
    await world.sim.until(() => textsOf(recipient).length === texts.length, HOUR, 'the mail');
    expect(textsOf(recipient)).toEqual([...texts].sort((a, b) => a.length - b.length));
    await world.sim.run(10 * MINUTE);
    expect(sender.node.outbox().every((m) => m.state === 'delivered')).toBe(true);
    const [account] = relay.node.storage();
    expect(account).toMatchObject({
      objects: texts.length,
      recipient: toHex(recipient.nodeId),
      giver: toHex(sender.nodeId),
    });
    expect(account?.byteMs).toBeGreaterThan(4000 * HOUR);
    // and what comes later is pushed as ever
    const { id } = await world.settle(sender.node.send('recipient', 'One more'));
    await world.sim.until(() => lastState(sender, id) === 'delivered', MINUTE, 'one more');
  });
});

test('more than one hint can name is pulled hint by hint, without waiting', async () => {
  const { sender, relay, recipient } = await row();
  await world.settle(recipient.stop());
  await world.sim.run(2 * HOUR);
  const texts = Array.from({ length: 40 }, (_, i) => `letter ${i}`);
  for (const text of texts) await world.settle(sender.node.send('recipient', text));
  await world.sim.until(() => relay.node.status().store.objects === texts.length, HOUR, 'custody');
  await world.settle(recipient.start());
  await world.sim.until(() => textsOf(recipient).length === texts.length, 4 * MINUTE, 'the mail');
  expect([...textsOf(recipient)].sort()).toEqual([...texts].sort());
});

describe('a mailbox that is there', () => {
  test('is registered with once a day', async () => {
    await row();
    /** Beside registrations, acknowledgements of what routing says. */
    let asked = 0;
    world.air.onTransmission.on((t) => {
      if (t.from === 'recipient' && kindOf(t) === KIND.sealed) asked++;
    });
    await world.sim.run(2 * DAY);
    expect(asked).toBeGreaterThanOrEqual(2);
    expect(asked).toBeLessThan(12);
  });
});

describe('a mailbox that is off', () => {
  test('is not asked for anything until it is heard, and then soon', async () => {
    const { relay, recipient } = await row();
    relay.pullThePlug();
    recipient.pullThePlug();
    await world.settle(recipient.start());
    const asked: number[] = [];
    world.air.onTransmission.on((t) => {
      const kind = kindOf(t);
      if (t.from === 'recipient' && (kind === KIND.sealed || kind === KIND.handshake)) asked.push(kind);
    });
    await world.sim.run(12 * HOUR);
    expect(asked).toEqual([]);
    await world.settle(relay.start());
    await world.sim.until(() => isRegistered(recipient), 5 * MINUTE, 'registration');
  });
});

describe('a recipient that nobody has heard of', () => {
  test('is waited for by the mailbox of the sender, who may go', async () => {
    world = new World({ apart: true, seed: 'never heard', ttlDays: 20 });
    const sender = world.box('sender');
    const relay = world.box('relay');
    const recipient = world.box('recipient');
    world.join(sender, relay);
    world.join(relay, recipient);
    await world.settle(recipient.start());
    const code = recipient.contact;
    await world.settle(recipient.stop());
    for (const box of [sender, relay]) await world.settle(box.start());
    await world.sim.until(() => isRegistered(sender), 10 * MINUTE, 'mailboxes');
    const { id } = await world.settle(sender.node.send(code, 'Whoever you are'));
    await world.sim.until(() => lastState(sender, id) === 'in custody', HOUR, 'custody');
    await world.settle(sender.stop());
    await world.sim.run(DAY);
    await world.settle(recipient.start());
    await world.sim.until(() => textsOf(recipient).length === 1, HOUR, 'the mail');
    await world.settle(sender.start());
    await world.sim.until(() => lastState(sender, id) === 'delivered', HOUR, 'the receipt');
  });
});

describe('a recipient that is off for a week', () => {
  test('gets its mail from the relay, though that was rebooted twice and the sender is off', {
    timeout: 120_000,
  }, async () => {
    const { sender, relay, recipient } = await row();
    await world.settle(recipient.stop());
    await world.sim.run(6 * HOUR);
    const { id } = await world.settle(sender.node.send('recipient', 'See you in a week'));
    await world.sim.until(() => lastState(sender, id) === 'in custody', HOUR, 'custody');
    await world.settle(sender.stop());
    await world.sim.run(2 * DAY);
    relay.pullThePlug();
    await world.sim.run(HOUR);
    await world.settle(relay.start());
    await world.sim.run(3 * DAY);
    await world.settle(relay.stop());
    await world.settle(relay.start());
    await world.sim.run(2 * DAY);
    expect(relay.node.status().store.objects).toBe(1);
    await world.settle(recipient.start());
    await world.sim.until(() => textsOf(recipient).length > 0, 10 * MINUTE, 'the mail');
    expect(textsOf(recipient)).toEqual(['See you in a week']);
    // the receipt is owed to the sender until it is back
    await world.sim.run(HOUR);
    relay.pullThePlug();
    await world.settle(relay.start());
    await world.sim.run(DAY);
    await world.settle(sender.start());
    await world.sim.until(() => lastState(sender, id) === 'delivered', 10 * MINUTE, 'the receipt');
    expect(relay.node.status().store.objects).toBe(0);
  });
});
