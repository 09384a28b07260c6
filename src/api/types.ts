/**
 * The local API: HTTP over a unix socket, JSON both ways. What a node tells travels as it is (src/node/nexus-node.ts);
 * an incompatible change gets a new first path segment beside the old one.
 *
 * | request | body | answer |
 * |---|---|---|
 * | `GET /v1/id` | | `NodeIdentity` |
 * | `GET /v1/contacts` | | `ContactEntry[]` |
 * | `POST /v1/contacts` | `NewContact` | 201 `ContactEntry` |
 * | `DELETE /v1/contacts/NAME-OR-ID` | | 204 |
 * | `POST /v1/messages` | `NewMessage` | 201 `OutboxEntry`, once it is durably stored |
 * | `GET /v1/messages/ID/progress` | | stream of `MessageProgress`, ends after *delivered* or *expired* |
 * | `GET /v1/inbox[?after=ID]` | | `InboxEntry[]` |
 * | `GET /v1/inbox?follow=1[&after=ID]` | | stream of `InboxEntry`: those there, then those that come; no end |
 * | `DELETE /v1/inbox/ID` | | 204 |
 * | `GET /v1/outbox` | | `OutboxEntry[]` |
 * | `GET /v1/status` | | `NodeStatus` |
 * | `GET /v1/neighbours` | | `NeighbourStatus[]` |
 * | `GET /v1/routes` | | `RouteEntry[]` |
 * | `POST /v1/topics` | `NewItem` | 201 `{ id }`, once it is durable |
 * | `GET /v1/topics/TOPIC` | | stream of `ItemEntry`: those there, then those that come; no end |
 * | `DELETE /v1/topics/TOPIC` | | 204 |
 * | `GET /v1/store[?after=N][&limit=M]` | | `StoreView`: at most M (20, at most 1000) objects behind place N |
 *
 * A stream is `application/x-ndjson`: one JSON value a line. Anything but success is answered with an `ApiError`.
 */
export type {
  ContactEntry,
  InboxEntry,
  ItemEntry,
  LanStatus,
  LawStatus,
  MailboxStatus,
  MessageProgress,
  MessageState,
  NeighbourStatus,
  NodeIdentity,
  NodeStatus,
  OutboxEntry,
  RadioStatus,
  RouteEntry,
  StoreEntry,
  StoreParty,
  StoreState,
  StoreView,
} from '../node/nexus-node.ts';

export interface NewContact {
  readonly name: string;
  /** `nxs1…` */
  readonly contact: string;
}

export interface NewMessage {
  /** A contact's name, `nxs1…`, or the beginning of a NodeId. */
  readonly to: string;
  readonly text: string;
}

export interface NewItem {
  readonly topic: string;
  readonly text: string;
}

export interface ApiError {
  /** For programs; the codes of src/node/nexus-node.ts, and `bad-request`, `no-such-path`, `too-large`, `internal`. */
  readonly code: string;
  /** A sentence for people that says what to do. */
  readonly message: string;
}

/** Room for the longest text with every character escaped. */
export const MAX_BODY_BYTES = 128 * 1024;
export const TOO_LARGE = `A request has at most ${MAX_BODY_BYTES} bytes.`;

/** Where `nexusd` listens and `nexus` asks when nothing else is said. */
export const DEFAULT_SOCKET = '/run/nexus/nexus.sock';
