/** The local API's client: what `nexus` and other programs on the box speak with (src/api/types.ts). */
import { type IncomingMessage, request } from 'node:http';
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

/**
 * One method a request. All reject with `PersonError`: with the daemon's code and sentence, or with `unreachable`
 * or `forbidden` where the socket does not lead to it, or `cut-off` where it ended in the middle of an answer.
 */
export class ApiClient {
  readonly #socket: string;

  constructor(socket: string) {
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
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  async *#follow<T>(path: string): AsyncGenerator<T> {
    let rest = '';
    for await (const part of await this.#request('GET', path)) {
      const lines = (rest + part).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line) as T;
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
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' };
      request({ socketPath: this.#socket, method, path, headers, agent: false }, resolve)
        .once('error', (e: NodeJS.ErrnoException) => reject(this.#explained(e)))
        .end(body === undefined ? undefined : JSON.stringify(body));
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
  try {
    const { code, message } = JSON.parse(answer) as ApiError;
    return new PersonError(code, message);
  } catch {
    return new PersonError(
      'bad-answer',
      'What listens at this socket is not nexusd; name its socket with --socket.',
    );
  }
}
