/** The messages written here, and what became of them (docs/protocol/messages.md, "Life of a message"). */
import { decode, fromUtf8, type Reader, toHex, utf8, Writer } from '../core/bytes.ts';
import { counter } from '../db/codecs.ts';
import type { Db, ReadTx, Table, Tx, ValueCodec } from '../db/db.ts';
import { type NodeId, nodeIdKey, nodeIdOf } from '../identity/node-id.ts';
import { type ObjectId, objectIdFrom, objectIdKey, shortIdOf } from '../store/object.ts';

export const MESSAGE_STATES = ['composed', 'stored', 'in custody', 'delivered', 'expired'] as const;
export type MessageState = (typeof MESSAGE_STATES)[number];

export interface Step {
  readonly state: MessageState;
  /** Calendar time for people, ms since 1970. */
  readonly at: number;
  /** One sentence, or empty. */
  readonly detail: string;
}

export interface OutMessage {
  /** The object that carries it now; sealing anew changes it. */
  readonly objectId: ObjectId;
  /** Of the first object: the message's name for ever. */
  readonly firstId: ObjectId;
  /** The recipient's Ed25519 key. */
  readonly to: Uint8Array;
  readonly sentAtMinutes: number;
  readonly text: string;
  readonly steps: readonly Step[];
  /** How often it was sealed anew because it was unreadable. */
  readonly resealed: number;
  readonly airtimeMs: number;
  readonly bytesOnAir: number;
}

/** Of each message; a relay that gives it back again and again makes no end of them. */
const MOST_STEPS = 64;

/** The steps with one more: where they are too many, the oldest that are not its beginning go. */
export function withStep(steps: readonly Step[], step: Step): readonly Step[] {
  const beginning = steps.slice(0, 2);
  return [...beginning, ...[...steps.slice(2), step].slice(-(MOST_STEPS - beginning.length))];
}

export function stateOf(message: OutMessage): MessageState {
  return message.steps.at(-1)?.state ?? 'composed';
}

/** *Delivered* and *expired* are final. */
export function isFinal(state: MessageState): boolean {
  return state === 'delivered' || state === 'expired';
}

/** The message's name: 16 hex digits. */
export function messageIdOf(message: OutMessage): string {
  return toHex(shortIdOf(message.firstId));
}

/**
 * object id 32 | first id 32 | to 32 | sent at u32 | resealed u8 | airtime ms u64 | bytes u64 | steps u8, each state u8,
 * at u64, detail with its length u16 | text.
 */
export const OUT_MESSAGE: ValueCodec<OutMessage> = {
  encode(m) {
    const w = new Writer(256)
      .raw(m.objectId)
      .raw(m.firstId)
      .raw(m.to)
      .u32(m.sentAtMinutes)
      .u8(m.resealed)
      .u64(BigInt(Math.round(m.airtimeMs)))
      .u64(BigInt(m.bytesOnAir));
    w.u8(m.steps.length);
    for (const { state, at, detail } of m.steps) {
      w.u8(MESSAGE_STATES.indexOf(state)).u64(BigInt(Math.max(0, Math.floor(at))));
      writeText(w, detail);
    }
    return w.raw(utf8(m.text)).bytes();
  },
  decode(bytes) {
    const message = decode(bytes, (r) => {
      const objectId = objectIdFrom(r.raw(32));
      const firstId = objectIdFrom(r.raw(32));
      const to = r.raw(32);
      const sentAtMinutes = r.u32();
      const resealed = r.u8();
      const airtimeMs = Number(r.u64());
      const bytesOnAir = Number(r.u64());
      const steps = Array.from({ length: r.u8() }, () => readStep(r));
      const text = fromUtf8(r.rest());
      if (text === undefined) return undefined;
      return { objectId, firstId, to, sentAtMinutes, resealed, airtimeMs, bytesOnAir, steps, text };
    });
    if (!message) throw new Error('a damaged message in the outbox');
    return message;
  },
};

function writeText(w: Writer, text: string): void {
  const bytes = utf8(text);
  w.u16(bytes.length).raw(bytes);
}

function readStep(r: Reader): Step {
  const state = MESSAGE_STATES[r.u8()];
  const at = Number(r.u64());
  const detail = fromUtf8(r.raw(r.u16()));
  if (!state || detail === undefined) throw new Error('a damaged message in the outbox');
  return { state, at, detail };
}

export class Outbox {
  readonly #table: Table<number, OutMessage>;
  /** By the object that carries it now. */
  readonly #byObject = new Map<string, number>();
  readonly #byMessage = new Map<string, number>();
  /** Keys of everybody ever written to, by NodeId in hex. */
  readonly #keys = new Map<string, Uint8Array>();
  #next = 1;
  #waiting = 0;

  constructor(db: Db) {
    this.#table = db.table({ name: 'outbox', key: counter, value: OUT_MESSAGE });
    db.read((tx) => {
      for (const { key, value } of tx.range(this.#table)) {
        this.#index(key, value);
        if (!isFinal(stateOf(value))) this.#waiting++;
        this.#next = key + 1;
      }
    });
  }

  get size(): { readonly all: number; readonly waiting: number } {
    return { all: this.#byMessage.size, waiting: this.#waiting };
  }

  add(tx: Tx, message: OutMessage): void {
    const n = this.#next++;
    tx.put(this.#table, n, message);
    tx.afterCommit(() => {
      this.#index(n, message);
      this.#waiting++;
    });
  }

  /** Changes the message that this object carries; the changed one, or undefined where there is none such, or it is final. */
  change(tx: Tx, objectId: ObjectId, change: (message: OutMessage) => OutMessage): OutMessage | undefined {
    const n = this.#byObject.get(objectIdKey(objectId));
    const before = n === undefined ? undefined : tx.get(this.#table, n);
    if (n === undefined || !before || isFinal(stateOf(before))) return undefined;
    const after = change(before);
    tx.put(this.#table, n, after);
    tx.afterCommit(() => {
      this.#byObject.delete(objectIdKey(before.objectId));
      this.#index(n, after);
      if (isFinal(stateOf(after))) this.#waiting--;
    });
    return after;
  }

  /** The Ed25519 key of somebody written to. */
  keyOf(id: NodeId): Uint8Array | undefined {
    return this.#keys.get(nodeIdKey(id));
  }

  byMessageId(tx: ReadTx, id: string): OutMessage | undefined {
    const n = this.#byMessage.get(id);
    return n === undefined ? undefined : tx.get(this.#table, n);
  }

  byObjectId(tx: ReadTx, id: ObjectId): OutMessage | undefined {
    const n = this.#byObject.get(objectIdKey(id));
    return n === undefined ? undefined : tx.get(this.#table, n);
  }

  /** In the order they were written. */
  all(tx: ReadTx): OutMessage[] {
    return Array.from(tx.range(this.#table), (entry) => entry.value);
  }

  #index(n: number, message: OutMessage): void {
    this.#byObject.set(objectIdKey(message.objectId), n);
    this.#byMessage.set(messageIdOf(message), n);
    this.#keys.set(nodeIdKey(nodeIdOf(message.to)), message.to);
  }
}
