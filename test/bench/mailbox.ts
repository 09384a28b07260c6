/** Bytes and time on air of a message through a mailbox: up while the recipient is away, down when it is back. */
import { KIND } from '../../src/link/frame.ts';
import { kindOf } from '../airtime.ts';
import { type Box, SF7, World } from '../world.ts';
import { english, noise } from './texts.ts';

const HOUR = 3_600_000;

export interface Spent {
  readonly bytes: number;
  readonly airtimeMs: number;
}

export interface MailboxRow {
  readonly what: string;
  readonly spreadingFactor: number;
  /** From sender to mailbox. */
  readonly up: Spent;
  /** From mailbox to recipient, and the receipt to the sender. */
  readonly down: Spent;
  /** The same where the recipient was off: link and registration anew. */
  readonly downAfterBoot: Spent;
}

/** Handshakes, sealed frames and receipts of all boxes: routing costs the same without mail. */
const COUNTED: readonly number[] = [KIND.handshake, KIND.sealed, KIND.receipt];

export async function mailboxRows(): Promise<MailboxRow[]> {
  const texts = [
    ['100 B English', english(100)],
    ['100 B random', noise(100)],
    ['1,024 B English', english(1024)],
  ] as const;
  const rows: MailboxRow[] = [];
  for (const spreadingFactor of [7, 10])
    for (const [what, text] of texts) {
      const { up, down } = await measure(spreadingFactor, text, false);
      const { down: downAfterBoot } = await measure(spreadingFactor, text, true);
      rows.push({ what, spreadingFactor, up, down, downAfterBoot });
    }
  return rows;
}

async function measure(spreadingFactor: number, text: string, isOff: boolean) {
  const world = new World({ apart: true, seed: 'mailbox', settings: { ...SF7, spreadingFactor } });
  const [sender, relay, recipient] = await world.boxes('sender', 'relay', 'recipient');
  world.join(sender, relay);
  world.join(relay, recipient);
  await world.settle(sender.node.addContact('recipient', recipient.contact));
  const isReady = (box: Box) => box.node.status().mailboxes.some((m) => m.registered);
  await world.sim.until(() => [sender, relay, recipient].every(isReady), HOUR, 'mailboxes');
  await world.sim.run(HOUR);
  let spent: Spent = { bytes: 0, airtimeMs: 0 };
  world.air.onTransmission.on((t) => {
    if (!COUNTED.includes(kindOf(t))) return;
    spent = { bytes: spent.bytes + t.bytes.length, airtimeMs: spent.airtimeMs + t.endMs - t.startMs };
  });
  const taken = () => {
    const before = spent;
    spent = { bytes: 0, airtimeMs: 0 };
    return before;
  };
  if (isOff) await world.settle(recipient.stop());
  else world.part(relay, recipient);
  await world.sim.run(3 * HOUR);
  taken();
  const { id } = await world.settle(sender.node.send('recipient', text));
  await world.sim.until(() => relay.node.status().store.objects === 1, HOUR, 'custody');
  await world.sim.run(20_000);
  const up = taken();
  if (isOff) await world.settle(recipient.start());
  else world.join(relay, recipient);
  const delivered = () => sender.node.outbox().some((m) => m.id === id && m.state === 'delivered');
  await world.sim.until(delivered, 3 * HOUR, 'the receipt');
  await world.sim.run(60_000);
  const down = taken();
  await world.end();
  return { up, down };
}
