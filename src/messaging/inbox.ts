/** The messages that came for this box. */
import { decode, fromUtf8, toHex, utf8, Writer } from '../core/bytes.ts';
import { Event } from '../core/events.ts';
import { counter } from '../db/codecs.ts';
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

/** 16 hex digits. */
export function inMessageIdOf(message: InMessage): string {
  return toHex(message.shortId);
}

/** short id 8 | from 32 | sent at u32 | received at u64 | supported u8 | text. */
const inMessageValue: ValueCodec<InMessage> = {
  encode: (m) =>
    new Writer(64 + (m.text?.length ?? 0))
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

export class Inbox {
  /** Durable already. */
  readonly onArrived = new Event<InMessage>();
  readonly #db: Db;
  readonly #table: Table<number, InMessage>;
  #next = 1;
  #count = 0;

  constructor(db: Db) {
    this.#db = db;
    this.#table = db.table({ name: 'inbox', key: counter, value: inMessageValue });
    db.read((tx) => {
      for (const { key } of tx.range(this.#table, { reverse: true, limit: 1 })) this.#next = key + 1;
      for (const _ of tx.range(this.#table)) this.#count++;
    });
  }

  get size(): number {
    return this.#count;
  }

  add(tx: Tx, message: InMessage): void {
    tx.put(this.#table, this.#next++, message);
    tx.afterCommit(() => {
      this.#count++;
      this.onArrived.emit(message);
    });
  }

  /** In order of arrival. */
  all(): InMessage[] {
    return this.#db.read((tx) => Array.from(tx.range(this.#table), (entry) => entry.value));
  }
}
