/** Mail that came long ago: for tests of what an inbox does that has much of it. */
import { Writer } from '../src/core/bytes.ts';
import { openDatabase } from '../src/db/open.ts';
import { Inbox } from '../src/messaging/inbox.ts';

const AT_A_TIME = 256;

/** So many messages of one text, from a stranger or a contact, for the box that keeps its state in `directory` and is off. */
export async function fillInbox(
  directory: string,
  count: number,
  text: string,
  stranger: boolean,
): Promise<void> {
  const db = await openDatabase(directory, { durability: { kind: 'disk' } });
  const inbox = new Inbox(db);
  const common = { from: new Uint8Array(32).fill(7), sentAtMinutes: 1, receivedAt: 1, text };
  for (let first = 1; first <= count; first += AT_A_TIME)
    await db.commit((tx) => {
      for (let i = first; i < first + AT_A_TIME && i <= count; i++)
        inbox.add(tx, { ...common, shortId: new Writer(8).u64(BigInt(i)).bytes() }, stranger);
    });
  await db.close();
}
