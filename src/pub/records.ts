/** The bodies of the records of NXS-Pub (docs/protocol/link.md, "Records", 40–44), and the bytes of published items. */
import { concat, decode, utf8, Writer } from '../core/bytes.ts';
import { LONGEST_LOG_BYTE } from '../core/log-byte.ts';
import { isObjectPriority, type ObjectPriority, SHORT_ID_LENGTH } from '../store/object.ts';
import { type Address, nameFrom, TOPIC_KINDS, type Topic } from './topic.ts';

/** How news of a topic come, in the order of their numbers on air. */
export const DELIVERIES = ['push', 'digest', 'pull-hint'] as const;
export type Delivery = (typeof DELIVERIES)[number];

const STEP_LENGTH = 8;
const ENDS = 255;
/** The subscription to one's own mail. */
export const MAIL = 0;
export const LARGEST_NUMBER = 127;

export interface Subscribe {
  /** 0–127, the subscriber's name for it; 0 is its mail. */
  readonly number: number;
  readonly topic: Topic;
  readonly delivery: Delivery;
  /** Log byte of how long it is to last; undefined: it ends now. */
  readonly lasts: number | undefined;
  /** For mail: a step of the subscriber's chain that is not released yet. */
  readonly step: Uint8Array | undefined;
}

/** number u8 | kind (bits 0–1), delivery (bits 2–3) u8 | lasts u8, 255 ends it | mail: step 8; others: name. */
export function encodeSubscribe({ delivery, lasts, number, step, topic }: Subscribe): Uint8Array {
  const head = TOPIC_KINDS.indexOf(topic.kind) | (DELIVERIES.indexOf(delivery) << 2);
  const rest = topic.kind === 'node' ? (step ?? new Uint8Array(STEP_LENGTH)) : utf8(topic.name);
  return concat(Uint8Array.of(number, head, lasts ?? ENDS), rest);
}

export function decodeSubscribe(body: Uint8Array): Subscribe | undefined {
  return decode(body, (r) => {
    const [number, head, last] = [r.u8(), r.u8(), r.u8()];
    const kind = TOPIC_KINDS[head & 3];
    const delivery = DELIVERIES[(head >> 2) & 3];
    if (!kind || !delivery || head > 0x0f || number > LARGEST_NUMBER) return undefined;
    if (last !== ENDS && last > LONGEST_LOG_BYTE) return undefined;
    if ((kind === 'node') !== (number === MAIL)) return undefined;
    const common = { number, delivery, lasts: last === ENDS ? undefined : last };
    if (kind === 'node') return { ...common, topic: { kind }, step: r.raw(STEP_LENGTH).slice() };
    const name = nameFrom(r.rest());
    return name === undefined ? undefined : { ...common, topic: { kind, name }, step: undefined };
  });
}

/** `unknown`: the subscriber's announce is lacking here, without which its step proves nothing. */
export const OUTCOMES = ['kept', 'full', 'unknown', 'ended'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface Subscribed {
  readonly number: number;
  readonly outcome: Outcome;
  /** Objects that wait, 255 for that many and more. */
  readonly waiting: number;
  /** For mail: serial of the newest order known of the subscriber. */
  readonly serial: number;
}

/** number u8 | outcome u8 | waiting u8 | serial u16. */
export function encodeSubscribed({ number, outcome, serial, waiting }: Subscribed): Uint8Array {
  const w = new Writer(5).u8(number).u8(OUTCOMES.indexOf(outcome));
  return w.u8(Math.min(waiting, 255)).u16(serial).bytes();
}

export function decodeSubscribed(body: Uint8Array): Subscribed | undefined {
  return decode(body, (r) => {
    const [number, code, waiting, serial] = [r.u8(), r.u8(), r.u8(), r.u16()];
    const outcome = OUTCOMES[code];
    return outcome && { number, outcome, waiting, serial };
  });
}

/** One object that waits. */
export interface HintItem {
  /** 8 bytes. */
  readonly id: Uint8Array;
  /** Bytes; 16,383 for that many and more. */
  readonly size: number;
  readonly priority: ObjectPriority;
}

export interface Hint {
  readonly number: number;
  /** Others wait beside these. */
  readonly more: boolean;
  readonly items: readonly HintItem[];
}

const ITEM_LENGTH = SHORT_ID_LENGTH + 2;
const LARGEST_SIZE = 0x3fff;

/** How many items a hint of at most so many bytes has. */
export function itemsWithin(bytes: number): number {
  return Math.max(0, Math.floor((bytes - 1) / ITEM_LENGTH));
}

/** number, bit 7 more, u8 | (id 8 | size (bits 0–13), priority (bits 14–15) u16) each. */
export function encodeHint({ items, more, number }: Hint): Uint8Array {
  const w = new Writer(1 + ITEM_LENGTH * items.length).u8(number | (more ? 0x80 : 0));
  for (const { id, priority, size } of items) w.raw(id).u16(Math.min(size, LARGEST_SIZE) | (priority << 14));
  return w.bytes();
}

export function decodeHint(body: Uint8Array): Hint | undefined {
  return decode(body, (r) => {
    const head = r.u8();
    const items: HintItem[] = [];
    while (r.left > 0) {
      const id = r.raw(SHORT_ID_LENGTH).slice();
      const word = r.u16();
      const priority = word >> 14;
      if (!isObjectPriority(priority)) return undefined;
      items.push({ id, size: word & LARGEST_SIZE, priority });
    }
    return { number: head & LARGEST_NUMBER, more: head > LARGEST_NUMBER, items };
  });
}

/** Asks for objects, in this order; without any, for what waits. */
export interface Pull {
  readonly number: number;
  /** 8 bytes each. */
  readonly ids: readonly Uint8Array[];
}

/** How many ids a pull of at most so many bytes has. */
export function idsWithin(bytes: number): number {
  return Math.max(0, Math.floor((bytes - 1) / SHORT_ID_LENGTH));
}

/** number u8 | id 8 each. */
export function encodePull({ ids, number }: Pull): Uint8Array {
  return concat(Uint8Array.of(number), ...ids);
}

export function decodePull(body: Uint8Array): Pull | undefined {
  return decode(body, (r) => {
    const number = r.u8();
    const ids: Uint8Array[] = [];
    while (r.left > 0) ids.push(r.raw(SHORT_ID_LENGTH).slice());
    return number <= LARGEST_NUMBER ? { number, ids } : undefined;
  });
}

/** How short ids are told apart among the few items that somebody was just told of. */
export const GOT_LENGTH = 4;

/** Items of shared frames that are kept, by the beginnings of their short ids, 4 bytes each. */
export function encodeGot(ids: readonly Uint8Array[]): Uint8Array {
  return concat(...ids.map((id) => id.subarray(0, GOT_LENGTH)));
}

/** The beginnings of short ids, at least one; undefined where these are none. */
export function decodeGot(body: Uint8Array): readonly Uint8Array[] | undefined {
  if (body.length === 0) return undefined;
  return decode(body, (r) => {
    const ids: Uint8Array[] = [];
    while (r.left > 0) ids.push(r.raw(GOT_LENGTH).slice());
    return ids;
  });
}

/** What was published: the address is within the object, so that its id vouches for both. */
export interface Item extends Address {
  readonly content: Uint8Array;
}

/** kind u8 (0 key, 3 neighbourhood) | length of the name u8 | name | content. */
export function encodeItem({ content, kind, name }: Item): Uint8Array {
  const bytes = utf8(name);
  return concat(Uint8Array.of(TOPIC_KINDS.indexOf(kind), bytes.length), bytes, content);
}

export function decodeItem(bytes: Uint8Array): Item | undefined {
  return decode(bytes, (r) => {
    const kind = TOPIC_KINDS[r.u8()];
    const name = nameFrom(r.raw(r.u8()));
    if ((kind !== 'key' && kind !== 'neighbourhood') || name === undefined) return undefined;
    return { kind, name, content: r.rest().slice() };
  });
}
