/** The local API's client: what `nexus` and other programs on the box speak with (src/api/types.ts). */
import { type IncomingMessage, request } from 'node:http';
import { utf8 } from '../core/bytes.ts';
import { PersonError } from '../core/errors.ts';
import type {
  ApiError,
  ContactEntry,
  InboxEntry,
  ItemEntry,
  MessageProgress,
  NeighbourStatus,
  NewContact,
  NewItem,
  NewMessage,
  NodeIdentity,
  NodeStatus,
  OutboxEntry,
  RouteEntry,
  StoreView,
} from './types.ts';
import { MAX_BODY_BYTES, TOO_LARGE } from './types.ts';

/**
 * One method a request. All reject with `PersonError`: with the daemon's code and sentence, or with `unreachable`
 * or `forbidden` where the socket does not lead to it, `cut-off` where it ended in the middle of an answer, or
 * `bad-answer` where something else listens there.
 */
export class ApiClient {
  readonly #socket: string;

  /** `socket`: the path of a unix socket. Throws `PersonError` where it is empty: that would be port 80 of this machine. */
  constructor(socket: string) {
    if (socket === '') throw new PersonError('unreachable', 'Name the socket of nexusd with --socket.');
    this.#socket = socket;
  }

  identity = (): Promise<NodeIdentity> => this.#ask('GET', '/v1/id');
  status = (): Promise<NodeStatus> => this.#ask('GET', '/v1/status');
  neighbours = (): Promise<NeighbourStatus[]> => this.#ask('GET', '/v1/neighbours');
  routes = (): Promise<RouteEntry[]> => this.#ask('GET', '/v1/routes');
  /** Up to `limit` objects behind place `after`, and the sums of all. */
  store = (after: number, limit: number): Promise<StoreView> =>
    this.#ask('GET', `/v1/store?after=${after}&limit=${limit}`);
  contacts = (): Promise<ContactEntry[]> => this.#ask('GET', '/v1/contacts');
  addContact = (contact: NewContact): Promise<ContactEntry> => this.#ask('POST', '/v1/contacts', contact);
  removeContact = (nameOrId: string): Promise<void> =>
    this.#ask('DELETE', `/v1/contacts/${encodeURIComponent(nameOrId)}`);
  send = (message: NewMessage): Promise<OutboxEntry> => this.#ask('POST', '/v1/messages', message);
  outbox = (): Promise<OutboxEntry[]> => this.#ask('GET', '/v1/outbox');
  inbox = (): Promise<InboxEntry[]> => this.#ask('GET', '/v1/inbox');
  removeFromInbox = (id: string): Promise<void> => this.#ask('DELETE', `/v1/inbox/${encodeURIComponent(id)}`);
  /** What is there, then what comes; ends only by leaving the loop. */
  followInbox = (): AsyncIterable<InboxEntry> => this.#follow('/v1/inbox?follow=1');
  publish = (item: NewItem): Promise<{ id: string }> => this.#ask('POST', '/v1/topics', item);
  /** What has come of a topic, then what comes; ends only by leaving the loop. */
  subscribe = (topic: string): AsyncIterable<ItemEntry> =>
    this.#follow(`/v1/topics/${encodeURIComponent(topic)}`);
  unsubscribe = (topic: string): Promise<void> =>
    this.#ask('DELETE', `/v1/topics/${encodeURIComponent(topic)}`);
  /** The history, then each change; ends after *delivered* or *expired*. */
  progress = (id: string): AsyncIterable<MessageProgress> =>
    this.#follow(`/v1/messages/${encodeURIComponent(id)}/progress`);

  async #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    let text = '';
    for await (const part of await this.#request(method, path, body)) text += part;
    return (text === '' ? undefined : parsed(text)) as T;
  }

  async *#follow<T>(path: string): AsyncGenerator<T> {
    let rest = '';
    for await (const part of await this.#request('GET', path)) {
      const lines = (rest + part).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield parsed(line) as T;
    }
  }

  /** The text of a successful answer, as it comes. */
  async #request(method: string, path: string, body?: unknown): Promise<AsyncIterable<string>> {
    const response = await this.#open(method, path, body);
    response.setEncoding('utf8');
    const text = this.#read(response);
    if ((response.statusCode ?? 0) < 300) return text;
    let answer = '';
    for await (const part of text) answer += part;
    throw refusalOf(answer);
  }

  async *#read(response: IncomingMessage): AsyncGenerator<string> {
    try {
      yield* response as AsyncIterable<string>;
    } catch (cause) {
      throw this.#cutOff(cause);
    }
  }

  #open(method: string, path: string, body: unknown): Promise<IncomingMessage> {
    const json = body === undefined ? undefined : JSON.stringify(body);
    // said here: the server ends the connection as soon as it is too much, and may not be heard any more
    if (json && utf8(json).length > MAX_BODY_BYTES) throw new PersonError('too-large', TOO_LARGE);
    return new Promise((resolve, reject) => {
      const headers = json === undefined ? {} : { 'content-type': 'application/json' };
      request({ socketPath: this.#socket, method, path, headers, agent: false }, resolve)
        .once('error', (e: NodeJS.ErrnoException) => reject(this.#explained(e)))
        .end(json);
    });
  }

  #explained(e: NodeJS.ErrnoException): PersonError {
    if (e.code === 'ECONNRESET' || e.code === 'EPIPE') return this.#cutOff(e);
    if (e.code === 'EACCES' || e.code === 'EPERM')
      return new PersonError(
        'forbidden',
        `You may not use ${this.#socket}: join the group nexus (sudo usermod -aG nexus $USER) and log in again.`,
        { cause: e },
      );
    return new PersonError(
      'unreachable',
      `No nexusd answers at ${this.#socket}: start it (sudo systemctl start nexusd) or name its socket with --socket.`,
      { cause: e },
    );
  }

  #cutOff(cause: unknown): PersonError {
    return new PersonError(
      'cut-off',
      `nexusd at ${this.#socket} stopped in the middle of its answer; see its log.`,
      {
        cause,
      },
    );
  }
}

function refusalOf(answer: string): PersonError {
  const { code, message } = (parsed(answer) ?? {}) as Partial<ApiError>;
  return code === undefined || message === undefined ? notOurs() : new PersonError(code, message);
}

function parsed(answer: string): unknown {
  try {
    return JSON.parse(answer);
  } catch {
    throw notOurs();
  }
}

function notOurs(): PersonError {
  return new PersonError(
    'bad-answer',
    'What listens at this socket is not nexusd; name its socket with --socket.',
  );
}
