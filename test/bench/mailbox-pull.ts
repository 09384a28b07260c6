/** A box that comes back to a thousand waiting messages, on the LAN (loopback): all durable at both ends and receipted. */
import { eventually, LanBoxes } from '../lan-boxes.ts';
import { english } from './texts.ts';

const WAITING = 1_000;

export interface PullTimes {
  readonly waiting: number;
  /** ms from its start until it is linked with its mailbox, and until the first and the last message are there. */
  readonly linkedMs: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export async function pullTimes(): Promise<PullTimes> {
  const boxes = new LanBoxes();
  try {
    const mailbox = await boxes.box('mailbox');
    const away = await boxes.box('away', mailbox);
    await away.linkedTo(mailbox);
    await eventually(() => away.node.status().mailboxes.some((m) => m.registered), 60_000);
    const code = away.contact;
    await away.stop();
    await Promise.all(
      Array.from({ length: WAITING }, (_, i) => mailbox.node.send(code, `${i} ${english(90)}`)),
    );
    const began = performance.now();
    const ms = () => performance.now() - began;
    await away.start();
    await away.linkedTo(mailbox);
    const linkedMs = ms();
    const inbox = () => away.node.status().messages.inbox;
    await eventually(() => inbox() > 0, 60_000);
    const firstMs = ms();
    await eventually(() => inbox() === WAITING, 120_000);
    return { waiting: WAITING, linkedMs, firstMs, lastMs: ms() };
  } finally {
    await boxes.end();
  }
}
