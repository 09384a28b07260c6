/** The people and boxes this node knows by name. */
import { equal, utf8 } from '../core/bytes.ts';
import { PersonError } from '../core/errors.ts';
import { text } from '../db/codecs.ts';
import type { Db, ReadTx, Table, TableSpec } from '../db/db.ts';
import {
  type ContactCode,
  contactBytes,
  contactFromBytes,
  looksLikeContactCode,
  parseContactCode,
} from './contact-code.ts';
import { type NodeId, nodeIdKey, nodeIdOf } from './node-id.ts';

const LONGEST_NAME = 64;
/** No name is longer when folded: a lower-case letter has at most three times the bytes. */
const LONGEST_KEY = 3 * LONGEST_NAME;
/** Fewer digits of a NodeId are too easily somebody else's tomorrow, or a name. */
const SHORTEST_PREFIX = 8;
const HEX_DIGITS = new RegExp(`^[0-9a-f]{${SHORTEST_PREFIX},}$`, 'i');

export interface Contact extends ContactCode {
  readonly name: string;
  readonly nodeId: NodeId;
}

/** Whom a message goes to: a contact, or somebody named by code or only by key. */
export interface Addressee extends ContactCode {
  readonly name: string | undefined;
  readonly nodeId: NodeId;
}

/** Key: the folded name. Value: length of the name u8 | name as given, UTF-8 | `contactBytes`. */
export const CONTACTS: TableSpec<string, Contact> = {
  name: 'contacts',
  key: text,
  value: {
    encode: (contact) => {
      const name = utf8(contact.name);
      return Uint8Array.of(name.length, ...name, ...contactBytes(contact));
    },
    decode: (bytes) => {
      const end = 1 + (bytes[0] ?? 0);
      const code = contactFromBytes(bytes.subarray(end));
      if (!code) throw new Error('a damaged contact in the database');
      return { ...code, name: text.decode(bytes.subarray(1, end)), nodeId: nodeIdOf(code.publicKey) };
    },
  },
};

/** What people write down is kept while there is any room left for it. */
const OWN = { own: true } as const;

export class Contacts {
  readonly #db: Db;
  readonly #table: Table<string, Contact>;

  constructor(db: Db) {
    this.#db = db;
    this.#table = db.table(CONTACTS);
  }

  /**
   * Keeps a contact; resolves when durable. Rejects with a `PersonError`: `bad-name` where the name breaks the rules or is
   * taken, `bad-contact` where the code is damaged or already kept. Names that differ only in case are the same name.
   */
  async add(name: string, code: string): Promise<Contact> {
    const given = checkedName(name);
    const parsed = parseContactCode(code);
    const contact: Contact = { ...parsed, name: given, nodeId: nodeIdOf(parsed.publicKey) };
    await this.#db.commit((tx) => {
      const same = tx.get(this.#table, folded(given));
      if (same)
        throw new PersonError(
          'bad-name',
          `There is already a contact named ${same.name}. Choose another name, or remove that one first: nexus contact remove "${same.name}"`,
        );
      const known = this.#all(tx).find((c) => equal(c.publicKey, contact.publicKey));
      if (known)
        throw new PersonError(
          'bad-contact',
          `This contact code is already kept under the name ${known.name}. To rename it, remove that one first: nexus contact remove "${known.name}"`,
        );
      tx.put(this.#table, folded(given), contact);
    }, OWN);
    return contact;
  }

  /** Forgets a contact, named as `resolve` takes it; resolves when durable, with who it was. */
  async remove(who: string): Promise<Contact> {
    return this.#db.commit((tx) => {
      const { name } = this.#find(tx, who);
      const contact = name === undefined ? undefined : this.#named(tx, name);
      if (!contact) throw unknown(who);
      tx.remove(this.#table, folded(contact.name));
      return contact;
    }, OWN);
  }

  /** All contacts, by name. */
  list(): Contact[] {
    return this.#db.read((tx) => this.#all(tx));
  }

  /**
   * Whom a person means: a contact's name, a contact code (whose owner need not be a contact), or the first hex
   * digits of a contact's NodeId, at least eight. Throws a `PersonError` where that is nobody (`not-found`), more than
   * one (`ambiguous`), or a damaged code (`bad-contact`).
   */
  resolve(who: string): Addressee {
    return this.#db.read((tx) => this.#find(tx, who));
  }

  #find(tx: ReadTx, who: string): Addressee {
    const named = this.#named(tx, who);
    if (named) return named;
    if (looksLikeContactCode(who)) {
      const code = parseContactCode(who);
      const known = this.#all(tx).find((c) => equal(c.publicKey, code.publicKey));
      // the code in hand is newer than the one kept: its mailboxes count
      return { ...code, name: known?.name, nodeId: nodeIdOf(code.publicKey) };
    }
    const digits = who.trim().toLowerCase();
    if (!HEX_DIGITS.test(digits)) throw unknown(who);
    const [first, ...more] = this.#all(tx).filter((c) => nodeIdKey(c.nodeId).startsWith(digits));
    if (!first) throw unknown(who);
    if (more.length > 0)
      throw new PersonError(
        'ambiguous',
        `${digits} fits several contacts: ${[first, ...more].map((c) => c.name).join(', ')}. Say the name, or more digits.`,
      );
    return first;
  }

  #named(tx: ReadTx, name: string): Contact | undefined {
    const key = folded(name);
    // whatever a person types is looked up, and a table has keys of 1 to 511 bytes
    return key === '' || utf8(key).length > LONGEST_KEY ? undefined : tx.get(this.#table, key);
  }

  #all(tx: ReadTx): Contact[] {
    return Array.from(tx.range(this.#table), (entry) => entry.value);
  }
}

function unknown(who: string): PersonError {
  return new PersonError(
    'not-found',
    `Nobody is known as "${who.trim()}". Add them with: nexus contact add NAME CODE; \`nexus contact list\` shows who is known.`,
  );
}

/** How names are compared: composed (NFC) and without case. */
function folded(name: string): string {
  return name.trim().normalize('NFC').toLowerCase();
}

function checkedName(name: string): string {
  const given = name.trim().normalize('NFC');
  const refuse = (why: string) =>
    new PersonError('bad-name', `A contact's name ${why}. Choose another name.`);
  if (given === '') throw refuse('cannot be empty');
  if (utf8(given).length > LONGEST_NAME) throw refuse(`has at most ${LONGEST_NAME} bytes`);
  if (/\p{C}|\p{Zl}|\p{Zp}/u.test(given)) throw refuse('cannot hold control or invisible characters');
  if (given.startsWith('-')) throw refuse('cannot begin with a hyphen, or it reads as an option');
  if (looksLikeContactCode(given)) throw refuse('cannot begin with nxs1, or it reads as a contact code');
  if (HEX_DIGITS.test(given)) throw refuse('cannot be hex digits only, or it reads as a NodeId');
  return given;
}
