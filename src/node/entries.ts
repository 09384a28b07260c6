/** What the rooms know, as the plain JSON that people and programs see. */
import { fromUtf8, toHex } from '../core/bytes.ts';
import { encodeContactCode } from '../identity/contact-code.ts';
import type { Contact } from '../identity/contacts.ts';
import { nodeIdKey, nodeIdOf } from '../identity/node-id.ts';
import type { LanStatus as LanMediumStatus } from '../link/lan/lan-medium.ts';
import { type InMessage, inMessageIdOf } from '../messaging/inbox.ts';
import type { Progress } from '../messaging/messenger.ts';
import { messageIdOf, type OutMessage, stateOf } from '../messaging/outbox.ts';
import type { Received } from '../pub/own-topics.ts';
import { spell } from '../pub/topic.ts';
import type {
  ContactEntry,
  InboxEntry,
  ItemEntry,
  LanStatus,
  LawStatus,
  MessageProgress,
  OutboxEntry,
  RadioStatus,
} from './nexus-node.ts';
import type { NodeRadio } from './rooms.ts';

const MINUTE = 60_000;

/** The contact's name for a key, where there is one. */
export type NameOf = (publicKey: Uint8Array) => string | undefined;

export function contactEntry(contact: Contact): ContactEntry {
  return { name: contact.name, nodeId: nodeIdKey(contact.nodeId), contact: encodeContactCode(contact) };
}

export function inboxEntry(message: InMessage, nameOf: NameOf): InboxEntry {
  const name = nameOf(message.from);
  return {
    id: inMessageIdOf(message),
    from: nodeIdKey(nodeIdOf(message.from)),
    contact: encodeContactCode({ publicKey: message.from, mailboxes: [] }),
    ...(name === undefined ? {} : { name }),
    text: message.text ?? '',
    sentAt: message.sentAtMinutes * MINUTE,
    receivedAt: message.receivedAt,
    supported: message.text !== undefined,
  };
}

export function itemEntry({ item, receivedAt, shortId }: Received): ItemEntry {
  const text = fromUtf8(item.content) ?? '';
  return { id: toHex(shortId), topic: spell(item), text, receivedAt };
}

/** `newest` says why the message waits and what it has cost so far; it is told with the last step. */
export function outboxEntry(message: OutMessage, newest: Progress, nameOf: NameOf): OutboxEntry {
  const name = nameOf(message.to);
  const earlier = message.steps
    .slice(0, -1)
    .map(({ state, at, detail }): MessageProgress => ({ state, at, ...(detail === '' ? {} : { detail }) }));
  const history = [...earlier, messageProgress(newest)];
  return {
    id: messageIdOf(message),
    to: toHex(nodeIdOf(message.to)),
    ...(name === undefined ? {} : { name }),
    text: message.text,
    state: stateOf(message),
    history,
  };
}

export function messageProgress(progress: Progress): MessageProgress {
  const { state, at, detail } = progress;
  return { state, at, ...(detail === '' ? {} : { detail }), ...costOf(progress) };
}

function costOf({ airtimeMs, bytesOnAir }: Progress): { airtimeMs: number; bytesOnAir: number } {
  return { airtimeMs: Math.round(airtimeMs), bytesOnAir };
}

/** `failure` is the sentence that says what failed and what to do. */
export function radioStatus(
  { medium, board, region, settings }: NodeRadio,
  failure: string | undefined,
): { readonly radio: RadioStatus; readonly law: LawStatus } {
  const { airtimeAllowedMs, airtimeUsedMs, noiseFloorDbm, subBand } = medium.status;
  const { frequencyHz, bandwidthHz, spreadingFactor, codingRate, powerDbm } = settings;
  return {
    radio: {
      ...{ board, region, frequencyHz, bandwidthHz, spreadingFactor, codingRate, powerDbm },
      health: failure === undefined ? 'ok' : 'failed',
      ...(failure === undefined ? {} : { sentence: failure }),
      ...(noiseFloorDbm === undefined ? {} : { noiseFloorDbm }),
    },
    law: {
      ...subBand,
      usedMs: Math.round(airtimeUsedMs),
      ...(airtimeAllowedMs === undefined ? {} : { allowedMs: Math.round(airtimeAllowedMs) }),
    },
  };
}

export function lanStatus({ port, connections }: LanMediumStatus): LanStatus {
  return { ...(port === undefined ? {} : { port }), connections };
}
