/** The local API's server (src/api/types.ts): routes, bounds, streams, errors. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { concat, fromUtf8 } from '../core/bytes.ts';
import { PersonError } from '../core/errors.ts';
import { StorageFailed } from '../db/db.ts';
import type { NexusNode } from '../node/nexus-node.ts';
import { listenOn } from './socket.ts';
import { type ApiError, MAX_BODY_BYTES, TOO_LARGE } from './types.ts';

export interface ApiServer {
  /** Ends streams and connections and removes the socket file. */
  close(): Promise<void>;
}

/** At once; a person's tools need a handful, and each costs memory. */
const MAX_CONNECTIONS = 64;

/** Behind it nothing can follow: the next place would be no exact number. */
const LAST_PLACE = Number.MAX_SAFE_INTEGER - 1;

/** HTTP status of an error's code; any other of a person's errors is a 400. */
const STATUS: Readonly<Record<string, number>> = {
  'no-such-path': 404,
  'not-found': 404,
  'too-large': 413,
  'too-long': 413,
  'disk-full': 507,
  'storage-failed': 507,
  io: 507,
};

/** Serves `node` on the unix socket `path` (mode 0660). Rejects with `PersonError` where it cannot listen there. */
export async function serveApi(node: NexusNode, path: string): Promise<ApiServer> {
  const streams = new Set<AbortController>();
  const server = createServer({ maxHeaderSize: 8192, requestTimeout: 10_000 }, (request, response) => {
    const aborter = new AbortController();
    streams.add(aborter);
    response.once('close', () => {
      streams.delete(aborter);
      aborter.abort();
    });
    // what is not a person's or the disk's trouble is a defect: it rejects here, unhandled, and ends the process
    void answer(node, request, response, aborter.signal);
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listenOn(server, path);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const stream of streams) stream.abort();
        server.closeAllConnections();
      }),
  };
}

async function answer(
  node: NexusNode,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  try {
    await route(node, request, response, signal);
  } catch (e) {
    const error = errorOf(e);
    if (response.headersSent) response.destroy();
    else json(response, error ? (STATUS[error.code] ?? 400) : 500, error ?? INTERNAL);
    if (!error) throw e;
  }
}

const INTERNAL: ApiError = {
  code: 'internal',
  message: 'nexusd has a defect and restarts; please report what its log says.',
};

/** What a person is told; undefined for a defect. */
function errorOf(e: unknown): ApiError | undefined {
  if (e instanceof PersonError || e instanceof StorageFailed) return { code: e.code, message: e.message };
  return undefined;
}

/** Carries out one request. Throws `PersonError` for what is wrong with it. */
async function route(
  node: NexusNode,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  // split as it came: a URL's path would lose topics and names like `..`
  const [path = '', ...asked] = (request.url ?? '').split('?');
  const query = new URLSearchParams(asked.join('?'));
  const [version, first = '', ...rest] = path.slice(1).split('/');
  const [id, last] = rest.map(decoded);
  const what = version === 'v1' ? `${request.method} ${[first, ...rest.map(() => '*')].join('/')}` : '';
  switch (what) {
    case 'GET id':
      return json(response, 200, node.identity());
    case 'GET status':
      return json(response, 200, node.status());
    case 'GET neighbours':
      return json(response, 200, node.neighbours());
    case 'GET routes':
      return json(response, 200, node.routes());
    case 'GET store':
      return json(
        response,
        200,
        node.store(numberIn(query, 'after', 0, LAST_PLACE), numberIn(query, 'limit', 20, 1000)),
      );
    case 'GET contacts':
      return json(response, 200, node.contacts());
    case 'POST contacts': {
      const [name, contact] = await fields(request, 'name', 'contact');
      return json(response, 201, await node.addContact(name, contact));
    }
    case 'DELETE contacts/*':
      await node.removeContact(id ?? '');
      return json(response, 204);
    case 'POST messages': {
      const [to, text] = await fields(request, 'to', 'text');
      return json(response, 201, await node.send(to, text));
    }
    case 'GET messages/*/*':
      if (last !== 'progress') break;
      return stream(response, node.progress(id ?? '', signal), signal);
    case 'POST topics': {
      const [topic, text] = await fields(request, 'topic', 'text');
      return json(response, 201, await node.publish(topic, text));
    }
    case 'GET topics/*':
      return stream(response, node.subscribe(id ?? '', signal), signal);
    case 'DELETE topics/*':
      await node.unsubscribe(id ?? '');
      return json(response, 204);
    case 'DELETE inbox/*':
      await node.removeFromInbox(id ?? '');
      return json(response, 204);
    case 'GET outbox':
      return json(response, 200, node.outbox());
    case 'GET inbox': {
      const after = query.get('after') ?? undefined;
      if (query.has('follow')) return stream(response, node.inboxAndOn(after, signal), signal);
      return stream(response, node.inbox(after), signal, ARRAY);
    }
  }
  throw new PersonError('no-such-path', `There is no ${request.method} ${path} in this version.`);
}

/** A whole number from the query, at most `most`. */
function numberIn(query: URLSearchParams, name: string, otherwise: number, most: number): number {
  const value = Number(query.get(name) ?? otherwise);
  if (!Number.isSafeInteger(value) || value < 0 || value > most)
    throw new PersonError('bad-request', `${name} is a whole number from 0 to ${most}.`);
  return value;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new PersonError('bad-request', 'The path is not percent-encoded UTF-8.');
  }
}

/** The named strings of a request's JSON body. */
async function fields<const N extends readonly string[]>(
  request: IncomingMessage,
  ...names: N
): Promise<{ [I in keyof N]: string }> {
  const body = parsed(await bodyOf(request));
  return names.map((name) => {
    const value =
      typeof body === 'object' && body !== null && Object.getOwnPropertyDescriptor(body, name)?.value;
    if (typeof value !== 'string')
      throw new PersonError('bad-request', `The body needs the text "${name}" in a JSON object.`);
    return value;
  }) as { [I in keyof N]: string };
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(body) ?? '');
  } catch {
    return undefined;
  }
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    // not destroyed on leaving early: the refusal still has to go out over the same connection
    for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
      length += part.length;
      if (length > MAX_BODY_BYTES) break;
      parts.push(part);
    }
  } catch {
    throw new PersonError('bad-request', 'The request broke off.');
  }
  if (length > MAX_BODY_BYTES) throw new PersonError('too-large', TOO_LARGE);
  return concat(...parts);
}

function json(response: ServerResponse, status: number, value?: unknown): void {
  if (response.destroyed) return;
  // what is left of a body that was refused is not read to its end
  if (status >= 400) response.setHeader('connection', 'close');
  response.writeHead(status, value === undefined ? {} : { 'content-type': 'application/json' });
  response.end(value === undefined ? undefined : JSON.stringify(value));
}

/** How values go out one after the other. */
interface Form {
  readonly type: string;
  readonly begin: string;
  readonly between: string;
  readonly after: string;
  readonly end: string;
}

/** One JSON value a line. */
const LINES: Form = { type: 'application/x-ndjson', begin: '', between: '', after: '\n', end: '' };
/** One JSON value, which is a list. */
const ARRAY: Form = { type: 'application/json', begin: '[', between: ',', after: '', end: ']' };

/**
 * Values at the reader's pace. The head goes out with the first value: a refusal before it has its own. Cut off, a
 * stream does not look as if it had come to its end.
 */
async function stream(
  response: ServerResponse,
  values: AsyncIterable<unknown> | Iterable<unknown>,
  signal: AbortSignal,
  form = LINES,
): Promise<void> {
  const head = () => {
    if (response.headersSent) return form.between;
    response.writeHead(200, { 'content-type': form.type });
    return form.begin;
  };
  for await (const value of values) {
    if (signal.aborted) break;
    if (!response.write(head() + JSON.stringify(value) + form.after))
      await once(response, 'drain', { signal }).catch(() => undefined);
  }
  if (signal.aborted) response.destroy();
  else response.end((response.headersSent ? '' : head()) + form.end);
}
