/** Outbox and inbox on disk: golden bytes, and what a restart finds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import type { Db, ReadTx, Tx } from '../../src/db/db.ts';
import { openDatabase } from '../../src/db/open.ts';
import { Inbox, type InMessage, inMessageIdOf, STRANGERS_SHARE } from '../../src/messaging/inbox.ts';
import { messageIdOf, OUT_MESSAGE, Outbox, type OutMessage, stateOf } from '../../src/messaging/outbox.ts';
import { objectIdFrom } from '../../src/store/object.ts';
import { watchedDb } from '../watched-db.ts';

let directory: string;
let db: Db;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'nexus-boxes-'));
  db = await openDatabase(directory, { durability: { kind: 'disk' } });
});
afterEach(async () => {
  await db.close();
  rmSync(directory, { recursive: true });
});
async function restart(): Promise<void> {
  await db.close();
  db = await openDatabase(directory, { durability: { kind: 'disk' } });
}

const id = (n: number) => objectIdFrom(new Uint8Array(32).fill(n));
const written: OutMessage = {
  objectId: id(1),
  firstId: id(1),
  to: new Uint8Array(32).fill(0xee),
  sentAtMinutes: 0x01020304,
  text: 'hé',
  steps: [
    { state: 'composed', at: 1000, detail: '' },
    { state: 'stored', at: 1001, detail: 'why' },
  ],
  resealed: 0,
  airtimeMs: 5,
  bytesOnAir: 6,
};

describe('the outbox', () => {
  test('keeps a message through a restart, with its name, history and cost', async () => {
    const outbox = new Outbox(db);
    await db.commit((tx) => outbox.add(tx, written));
    await restart();
    const again = new Outbox(db);
    expect(db.read((tx) => again.all(tx))).toEqual([written]);
    expect(db.read((tx) => again.byMessageId(tx, '0101010101010101'))).toEqual(written);
    expect(again.size).toEqual({ all: 1, waiting: 1 });
  });

  test('finds a message by the object that carries it now, and by its first name for ever', async () => {
    const outbox = new Outbox(db);
    await db.commit((tx) => outbox.add(tx, written));
    await db.commit((tx) => outbox.change(tx, id(1), (m) => ({ ...m, objectId: id(2) })));
    expect(db.read((tx) => outbox.byObjectId(tx, id(1)))).toBeUndefined();
    const now = db.read((tx) => outbox.byObjectId(tx, id(2)));
    expect(now && messageIdOf(now)).toBe('0101010101010101');
  });

  test('changes nothing that is final', async () => {
    const outbox = new Outbox(db);
    const delivered = { state: 'delivered', at: 2000, detail: '' } as const;
    const deliver = (m: OutMessage) => ({ ...m, steps: [...m.steps, delivered] });
    await db.commit((tx) => outbox.add(tx, written));
    expect(await db.commit((tx) => outbox.change(tx, id(1), deliver))).toBeDefined();
    expect(await db.commit((tx) => outbox.change(tx, id(1), deliver))).toBeUndefined();
    expect(outbox.size).toEqual({ all: 1, waiting: 0 });
    await restart();
    const again = new Outbox(db);
    expect(again.size).toEqual({ all: 1, waiting: 0 });
    const [after] = db.read((tx) => again.all(tx));
    expect(after && stateOf(after)).toBe('delivered');
  });

  test('golden bytes: ids 32 32 | to 32 | sent at | resealed | airtime u64 | bytes u64 | steps | text', () => {
    expect(toHex(OUT_MESSAGE.encode(written))).toBe(
      '01'.repeat(32) +
        '01'.repeat(32) +
        'ee'.repeat(32) +
        '04030201' +
        '00' +
        '0500000000000000' +
        '0600000000000000' +
        '02' +
        ('00' + 'e803000000000000' + '0000') +
        ('01' + 'e903000000000000' + '0300' + '776879') +
        '68c3a9',
    );
    expect(() => OUT_MESSAGE.decode(OUT_MESSAGE.encode(written).subarray(0, 120))).toThrow('damaged');
  });
});

describe('the inbox', () => {
  const came: InMessage = {
    shortId: new Uint8Array(8).fill(0xab),
    from: new Uint8Array(32).fill(0xcd),
    sentAtMinutes: 7,
    receivedAt: 420_000,
    text: 'hello',
  };

  const all = (inbox: Inbox) => inbox.page(0, 10_000).map((placed) => placed.message);

  test('keeps what came, in order, through a restart, and tells of it once it is durable', async () => {
    const inbox = new Inbox(db);
    const told: string[] = [];
    inbox.onArrived.on((m) => told.push(inMessageIdOf(m)));
    const second = { ...came, shortId: new Uint8Array(8).fill(1), text: undefined };
    const committed = db.commit((tx) => {
      inbox.add(tx, came, false);
      inbox.add(tx, second, false);
    });
    expect(told).toEqual([]);
    await committed;
    expect(told).toEqual(['ab'.repeat(8), '01'.repeat(8)]);
    await restart();
    const again = new Inbox(db);
    expect(all(again)).toEqual([came, second]);
    expect(again.size).toBe(2);
    await db.commit((tx) => again.add(tx, came, false));
    expect(all(again)).toHaveLength(3);
  });

  test('is read in pages, behind the place of a message that is named', async () => {
    const inbox = new Inbox(db);
    const texts = (after: number, limit: number) => inbox.page(after, limit).map((p) => p.message.text);
    await db.commit((tx) => {
      for (const n of [1, 2, 3])
        inbox.add(tx, { ...came, shortId: new Uint8Array(8).fill(n), text: `${n}` }, false);
    });
    expect(texts(0, 2)).toEqual(['1', '2']);
    const first = inbox.placeOf('01'.repeat(8)) ?? Number.NaN;
    expect(texts(first, 10)).toEqual(['2', '3']);
    expect(texts(inbox.placeOf('03'.repeat(8)) ?? Number.NaN, 10)).toEqual([]);
    expect(inbox.placeOf('04'.repeat(8))).toBeUndefined();
  });

  /** Whether each of so many messages of one text was kept, counted. */
  const kept = async (inbox: Inbox, count: number, text: string, stranger: boolean) => {
    const adding = (tx: Tx) =>
      Array.from({ length: count }, () => inbox.add(tx, { ...came, text }, stranger));
    return (await db.commit(adding)).filter(Boolean).length;
  };

  test('reads no more than the newest message to begin with, however many there are', async () => {
    expect(await kept(new Inbox(db), 100, 'x', false)).toBe(100);
    await restart();
    let read = 0;
    const counted = (tx: ReadTx): ReadTx => ({
      get: (table, key) => tx.get(table, key),
      *range(table, range) {
        for (const entry of tx.range(table, range)) {
          read++;
          yield entry;
        }
      },
    });
    const unwatched = watchedDb(db, { trace: () => {}, removed: () => {} });
    const counting: Db = { ...unwatched, read: (query) => db.read((tx) => query(counted(tx))) };
    expect([new Inbox(counting).size, read]).toEqual([100, 1]);
  });

  test("keeps of strangers 4,096 messages, over restarts too, and contacts' mail beside them", async () => {
    expect(await kept(new Inbox(db), 4_000, 'short', true)).toBe(4_000);
    await restart();
    const again = new Inbox(db);
    expect(await kept(again, 200, 'short', true)).toBe(96);
    expect(await kept(again, 10, 'from a contact', false)).toBe(10);
    expect(again.size).toBe(4_106);
    expect(all(again)).toHaveLength(4_106);
  });

  test('has room again for what was deleted, once that is durable, over restarts too', async () => {
    const inbox = new Inbox(db);
    expect(await kept(inbox, STRANGERS_SHARE.messages, 'short', true)).toBe(STRANGERS_SHARE.messages);
    expect(await kept(inbox, 1, 'from a contact', false)).toBe(1);
    const remove = (of: Inbox, n: number) => db.commit((tx) => of.remove(tx, n));
    expect([await remove(inbox, 1), await remove(inbox, 1)]).toEqual([true, false]);
    expect(await remove(inbox, STRANGERS_SHARE.messages + 1)).toBe(true);
    expect(inbox.size).toBe(STRANGERS_SHARE.messages - 1);
    expect(await kept(inbox, 2, 'short', true)).toBe(1);
    expect(await remove(inbox, 2)).toBe(true);
    await restart();
    expect(await kept(new Inbox(db), 2, 'short', true)).toBe(1);
  });

  test('or 16 MiB of them as they are stored, where texts are long: not as long as they were on air', async () => {
    const inbox = new Inbox(db);
    const text = 'é'.repeat(8_192); // 16,384 bytes
    const most = Math.floor((16 * 2 ** 20) / (16_384 + 53));
    expect(await kept(inbox, most + 5, text, true)).toBe(most);
    await restart();
    const again = new Inbox(db);
    expect(await kept(again, 1, text, true)).toBe(0);
    expect(await kept(again, 1, 'what still fits', true)).toBe(1);
    expect(await kept(again, 5, text, false)).toBe(5);
  });
});
