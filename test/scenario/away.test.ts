/** Mail for those who are away: docs/protocol/store.md, "Mailboxes"; docs/protocol/mesh.md, "Standing in". */
import { afterEach, describe, expect, test } from 'vitest';
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

describe('a recipient that is off for a week', () => {
  test('gets its mail from the relay, though that was rebooted twice and the sender is off', async () => {
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
