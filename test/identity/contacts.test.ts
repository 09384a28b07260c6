import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EMPTY, toHex, Writer } from '../../src/core/bytes.ts';
import { SeededRandom } from '../../src/core/random.ts';
import type { LmdbDb } from '../../src/db/lmdb.ts';
import { openDatabase } from '../../src/db/open.ts';
import { encodeContactCode } from '../../src/identity/contact-code.ts';
import { CONTACTS, Contacts } from '../../src/identity/contacts.ts';
import { Identity } from '../../src/identity/keys.ts';
import { nodeIdFrom, nodeIdKey } from '../../src/identity/node-id.ts';

const identity = (seed: string) => new Identity(new SeededRandom(seed).bytes(32));
const codeOf = (who: Identity) => encodeContactCode({ publicKey: who.publicKey, mailboxes: [] });
const a = identity('a');
const b = identity('b');

let directory: string;
let db: LmdbDb;
let contacts: Contacts;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'nexus-contacts-'));
  db = await openDatabase(directory, { durability: { kind: 'disk' } });
  contacts = new Contacts(db);
});
afterEach(async () => {
  await db.close();
  rmSync(directory, { recursive: true });
});

describe('golden bytes', () => {
  test('of a stored contact: name length | name | key 32 | mailboxes 16 each', () => {
    const mailboxes = [nodeIdFrom(new Uint8Array(16).fill(7))];
    const contact = { name: 'North Mast', publicKey: a.publicKey, mailboxes, nodeId: a.nodeId };
    const bytes = CONTACTS.value.encode(contact);
    expect(toHex(bytes)).toBe(`0a4e6f727468204d617374${toHex(a.publicKey)}${'07'.repeat(16)}`);
    expect(CONTACTS.value.decode(bytes)).toEqual(contact);
  });

  test('damaged ones are not read', () => {
    expect(() => CONTACTS.value.decode(EMPTY)).toThrow('damaged');
    expect(() => CONTACTS.value.decode(Uint8Array.of(200, 1, 2))).toThrow('damaged');
    expect(() => CONTACTS.value.decode(Uint8Array.of(1, 0xff, ...a.publicKey))).toThrow('UTF-8');
  });
});

describe('adding', () => {
  test('keeps a contact over a restart, and lists all by name', async () => {
    await contacts.add('relay', codeOf(b));
    await contacts.add(' North Mast ', codeOf(a));
    await db.close();
    db = await openDatabase(directory, { durability: { kind: 'disk' } });
    contacts = new Contacts(db);
    expect(contacts.list().map((c) => [c.name, nodeIdKey(c.nodeId)])).toEqual([
      ['North Mast', nodeIdKey(a.nodeId)],
      ['relay', nodeIdKey(b.nodeId)],
    ]);
  });

  test('refuses a name that is taken, in whatever case, and a key that is known', async () => {
    await contacts.add('Relay', codeOf(a));
    await expect(contacts.add('rELAY', codeOf(b))).rejects.toMatchObject({
      code: 'bad-name',
      message: expect.stringContaining('already a contact named Relay'),
    });
    await expect(contacts.add('other', codeOf(a))).rejects.toMatchObject({
      code: 'bad-contact',
      message: expect.stringContaining('under the name Relay'),
    });
    expect(contacts.list()).toHaveLength(1);
  });

  test('refuses a damaged code', async () => {
    await expect(contacts.add('relay', codeOf(a).slice(1))).rejects.toMatchObject({ code: 'bad-contact' });
  });

  test.each([
    ['empty', ''],
    ['only spaces', '   '],
    ['a line break', 'a\nb'],
    ['an escape sequence', 'a\u001b[2J'],
    ['a right-to-left override', 'a\u202eb'],
    ['a zero-width space', 'a\u200bb'],
    ['half a surrogate pair', 'a\ud800'],
    ['over 64 bytes', 'é'.repeat(33)],
    ['like an option', '-v'],
    ['like a code', 'NXS1abc'],
    ['like a NodeId', 'deadbeef'],
  ])('refuses a name: %s', async (_what, name) => {
    await expect(contacts.add(name, codeOf(a))).rejects.toMatchObject({ code: 'bad-name' });
    expect(contacts.list()).toEqual([]);
  });

  test.each(['cafe', 'Ærø', '北屋顶', 'é'.repeat(32), 'mast 2'])('takes the name %s', async (name) => {
    expect((await contacts.add(name, codeOf(a))).name).toBe(name);
  });

  test('a composed and a decomposed letter are the same', async () => {
    await contacts.add('Ae\u0301ro', codeOf(a));
    expect(contacts.resolve('A\u00e9ro').nodeId).toEqual(a.nodeId);
  });
});

describe('resolving', () => {
  test('by name in whatever case, by code, by NodeId and its first digits', async () => {
    await contacts.add('Relay', codeOf(a));
    for (const who of [
      'relay',
      ' RELAY ',
      codeOf(a),
      nodeIdKey(a.nodeId),
      nodeIdKey(a.nodeId).slice(0, 8).toUpperCase(),
    ])
      expect(contacts.resolve(who)).toMatchObject({ name: 'Relay', publicKey: a.publicKey });
  });

  test('a code needs no contact', () => {
    expect(contacts.resolve(codeOf(b))).toEqual({
      name: undefined,
      publicKey: b.publicKey,
      mailboxes: [],
      nodeId: b.nodeId,
    });
  });

  test('a damaged code is told as one', () => {
    expect(() => contacts.resolve(codeOf(b).slice(0, -1))).toThrow(
      expect.objectContaining({ code: 'bad-contact' }),
    );
  });

  test.each(['nobody', '', ' ', 'x'.repeat(5000), '00000000', 'abc'])('nobody: "%s"', (who) => {
    expect(() => contacts.resolve(who)).toThrow(
      expect.objectContaining({ code: 'not-found', message: expect.stringContaining('nexus contact add') }),
    );
  });

  test('digits that fit several name them all', async () => {
    // seeds found by search: 100,000 keys hold one such pair
    const first = new Identity(new Writer(32).u32(52_994).raw(new Uint8Array(28)).bytes());
    const second = new Identity(new Writer(32).u32(98_890).raw(new Uint8Array(28)).bytes());
    expect(nodeIdKey(first.nodeId).slice(0, 8)).toBe('eb5e8cc4');
    expect(nodeIdKey(second.nodeId).slice(0, 8)).toBe('eb5e8cc4');
    await contacts.add('one', codeOf(first));
    await contacts.add('two', codeOf(second));
    expect(() => contacts.resolve('eb5e8cc4')).toThrow(
      expect.objectContaining({ code: 'ambiguous', message: expect.stringContaining('one, two') }),
    );
    expect(contacts.resolve(nodeIdKey(first.nodeId)).name).toBe('one');
  });
});

describe('removing', () => {
  test('by whatever names the contact', async () => {
    for (const who of ['relay', codeOf(a), nodeIdKey(a.nodeId)]) {
      await contacts.add('Relay', codeOf(a));
      expect((await contacts.remove(who)).name).toBe('Relay');
      expect(contacts.list()).toEqual([]);
    }
  });

  test('nobody is a sentence, also for the code of somebody unknown', async () => {
    await expect(contacts.remove('relay')).rejects.toMatchObject({ code: 'not-found' });
    await expect(contacts.remove(codeOf(b))).rejects.toMatchObject({ code: 'not-found' });
  });
});
