/** The messages that came for this box. */
import { decode, fromUtf8, toHex, utf8, Writer } from '../core/bytes.ts';
import { Event } from '../core/events.ts';
import { counter, u32 } from '../db/codecs.ts';
import type { Db, Table, Tx, ValueCodec } from '../db/db.ts';
import { SHORT_ID_LENGTH } from '../store/object.ts';

export interface InMessage {
  /** The object's id, cut to 8 bytes: the message's name. */
  readonly shortId: Uint8Array;
  /** The sender's Ed25519 key. */
  readonly from: Uint8Array;
  /** The sender's clock, minutes since 1970. */
  readonly sentAtMinutes: number;
  /** This box's clock, ms since 1970. */
  readonly receivedAt: number;
  /** Undefined: a kind of message that this version cannot show. */
  readonly text: string | undefined;
}

/** A message and its place: what came later has a higher one. */
export interface Placed {
  readonly n: number;
  readonly message: InMessage;
}

/** 16 hex digits. */
export function inMessageIdOf(message: InMessage): string {
  return toHex(message.shortId);
}

/** Before the text. */
const HEAD_BYTES = 53;

/** short id 8 | from 32 | sent at u32 | received at u64 | supported u8 | text. */
const inMessageValue: ValueCodec<InMessage> = {
  encode: (m) =>
    new Writer(HEAD_BYTES + (m.text?.length ?? 0))
      .raw(m.shortId)
      .raw(m.from)
      .u32(m.sentAtMinutes)
      .u64(BigInt(Math.max(0, Math.floor(m.receivedAt))))
      .u8(m.text === undefined ? 0 : 1)
      .raw(utf8(m.text ?? ''))
      .bytes(),
  decode(bytes) {
    const message = decode(bytes, (r) => {
      const shortId = r.raw(SHORT_ID_LENGTH);
      const from = r.raw(32);
      const sentAtMinutes = r.u32();
      const receivedAt = Number(r.u64());
      const supported = r.u8() === 1;
      const text = fromUtf8(r.rest());
      if (text === undefined) return undefined;
      return { shortId, from, sentAtMinutes, receivedAt, text: supported ? text : undefined };
    });
    if (!message) throw new Error('a damaged message in the inbox');
    return message;
  },
};

/** Keys are free to make, and a text unfolds to a thousand times what it took on air: strangers share so much. */
export const STRANGERS_SHARE = { messages: 4_096, bytes: 16 * 2 ** 20 } as const;

function storedBytes({ text = '' }: InMessage): number {
  return HEAD_BYTES + utf8(text).length;
}

export class Inbox {
  /** Durable already. */
  readonly onArrived = new Event<InMessage>();
  readonly #db: Db;
  readonly #table: Table<number, InMessage>;
  /** Of each message that came from a stranger, its bytes as they are stored. */
  readonly #strangers: Table<number, number>;
  #next = 1;
  #newest: number;
  #count: number;
  #ofStrangers = { messages: 0, bytes: 0 };

  constructor(db: Db) {
    this.#db = db;
    this.#table = db.table({ name: 'inbox', key: counter, value: inMessageValue });
    this.#strangers = db.table({ name: 'inbox-stranger', key: counter, value: u32 });
    this.#count = db.count(this.#table);
    db.read((tx) => {
      for (const { value } of tx.range(this.#strangers)) this.#book(1, value);
      for (const { key } of tx.range(this.#table, { reverse: true, limit: 1 })) this.#next = key + 1;
    });
    this.#newest = this.#next - 1;
  }

  /** The place of the newest message that is durable. */
  get newest(): number {
    return this.#newest;
  }

  get size(): number {
    return this.#count;
  }

  /** Keeps a message; false, and nothing is kept, where it comes from a stranger and their share has no room. */
  add(tx: Tx, message: InMessage, stranger: boolean): boolean {
    const n = this.#next;
    if (stranger) {
      const bytes = storedBytes(message);
      if (!this.#fits(bytes)) return false;
      tx.put(this.#strangers, n, bytes);
      this.#book(1, bytes);
    }
    this.#next++;
    tx.put(this.#table, n, message);
    tx.afterCommit(() => {
      this.#count++;
      this.#newest = n;
      this.onArrived.emit(message);
    });
    return true;
  }

  /** Forgets the message at a place; false where none is there. What room it took is there again once that is durable. */
  remove(tx: Tx, n: number): boolean {
    if (!tx.get(this.#table, n)) return false;
    const ofStranger = tx.get(this.#strangers, n);
    tx.remove(this.#table, n);
    tx.remove(this.#strangers, n);
    tx.afterCommit(() => {
      this.#count--;
      if (ofStranger !== undefined) this.#book(-1, -ofStranger);
    });
    return true;
  }

  #fits(bytes: number): boolean {
    const used = this.#ofStrangers;
    return used.messages < STRANGERS_SHARE.messages && used.bytes + bytes <= STRANGERS_SHARE.bytes;
  }

  /** Of what comes at once, so that what is not durable yet counts: a commit that fails is the last one. */
  #book(messages: number, bytes: number): void {
    this.#ofStrangers.messages += messages;
    this.#ofStrangers.bytes += bytes;
  }

  /** Up to `limit` messages behind place `after`, in order of arrival. */
  page(after: number, limit: number): readonly Placed[] {
    const range = { from: after + 1, limit };
    return this.#db.read((tx) =>
      Array.from(tx.range(this.#table, range), ({ key, value }) => ({ n: key, message: value })),
    );
  }

  /** The place of a message by its name. The newest are looked at first: those are asked for. */
  placeOf(id: string): number | undefined {
    return this.#db.read((tx) => {
      for (const { key, value } of tx.range(this.#table, { reverse: true }))
        if (inMessageIdOf(value) === id) return key;
      return undefined;
    });
  }
}
