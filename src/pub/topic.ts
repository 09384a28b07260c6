/** What can be subscribed to (docs/protocol/store.md, "NXS-Pub"). */
import { fromUtf8, utf8 } from '../core/bytes.ts';
import { PersonError } from '../core/errors.ts';

/** In the order of their numbers on air. */
export const TOPIC_KINDS = ['key', 'prefix', 'node', 'neighbourhood'] as const;
export type TopicKind = (typeof TOPIC_KINDS)[number];

export type Topic =
  /** What is published under exactly this name; under all names that begin so; within earshot under this label. */
  | { readonly kind: 'key' | 'prefix' | 'neighbourhood'; readonly name: string }
  /** The mail of the subscriber itself. Nobody can name another's: whose it is says the session. */
  | { readonly kind: 'node' };

/** What an item is published under. */
export interface Address {
  readonly kind: 'key' | 'neighbourhood';
  readonly name: string;
}

/** Bytes of a name. */
export const LONGEST_NAME = 48;
const NEAR = 'near:';

/** Whether an item under this address is one of the topic. */
export function matches(topic: Topic, { kind, name }: Address): boolean {
  if (topic.kind === 'node') return false;
  if (topic.kind === 'prefix') return kind === 'key' && name.startsWith(topic.name);
  return topic.kind === kind && topic.name === name;
}

/** The name in these bytes, or undefined where it is none. */
export function nameFrom(bytes: Uint8Array): string | undefined {
  const name = bytes.length > 0 && bytes.length <= LONGEST_NAME ? fromUtf8(bytes) : undefined;
  return name !== undefined && isName(name) ? name : undefined;
}

function isName(name: string): boolean {
  return name !== '' && utf8(name).length <= LONGEST_NAME && !/\p{Cc}/u.test(name);
}

/** `weather/oslo`, `weather/*` or `near:market`. Throws `PersonError` `bad-topic`. */
export function parseTopic(text: string): Exclude<Topic, { kind: 'node' }> {
  const kind = text.startsWith(NEAR) ? 'neighbourhood' : text.endsWith('*') ? 'prefix' : 'key';
  const name =
    kind === 'neighbourhood' ? text.slice(NEAR.length) : kind === 'prefix' ? text.slice(0, -1) : text;
  if (!isName(name) || name.includes('*'))
    throw new PersonError(
      'bad-topic',
      `A topic is a name of 1 to ${LONGEST_NAME} bytes such as weather/oslo, the beginning of names such as weather/*, or near: and a label.`,
    );
  return { kind, name };
}

/** What can be published under. Throws `PersonError` `bad-topic`. */
export function parseAddress(text: string): Address {
  const { kind, name } = parseTopic(text);
  if (kind !== 'prefix') return { kind, name };
  throw new PersonError('bad-topic', 'Publish under one name; only a subscription may end with *.');
}

/** As people write it. */
export function spell({ kind, name }: Exclude<Topic, { kind: 'node' }>): string {
  if (kind === 'neighbourhood') return `${NEAR}${name}`;
  return kind === 'prefix' ? `${name}*` : name;
}
