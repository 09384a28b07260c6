import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiClient } from '../../src/api/client.ts';
import { type ApiServer, serveApi } from '../../src/api/server.ts';
import { MAX_BODY_BYTES } from '../../src/api/types.ts';
import { fillInbox } from '../filled-inbox.ts';
import { memoryInUse } from '../memory.ts';
import { type Box, World } from '../world.ts';

/** Of messages, 16 MB together. */
const COUNT = 1_000;

/** The real node, in virtual time, behind a real socket. */
describe('the local API', () => {
  let world: World;
  let a: Box;
  let b: Box;
  let directory: string;
  let socket: string;
  let server: ApiServer;
  let client: ApiClient;

  beforeEach(async () => {
    world = new World();
    [a, b] = await world.boxes('a', 'b');
    directory = mkdtempSync(join(tmpdir(), 'nexus-api-'));
    socket = join(directory, 'api.sock');
    server = await serveApi(a.node, socket);
    client = new ApiClient(socket);
  });

  afterEach(async () => {
    await server.close();
    await world.end();
    rmSync(directory, { recursive: true });
  });

  /** Lets virtual time pass until a real request has its answer. */
  async function running<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const done = () => {
      settled = true;
    };
    promise.then(done, done);
    while (!settled) {
      await world.sim.run(20);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return promise;
  }

  interface Raw {
    readonly status: number;
    readonly headers: IncomingHttpHeaders;
    readonly body: string;
  }

  const raw = (method: string, path: string, body?: string): Promise<Raw> =>
    running(
      new Promise((resolve, reject) => {
        request({ socketPath: socket, method, path, agent: false }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part) => {
            text += part;
          });
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
          );
        })
          .on('error', reject)
          .end(body);
      }),
    );

  const refused = async (method: string, path: string, body?: string) => {
    const answer = await raw(method, path, body);
    return [answer.status, JSON.parse(answer.body).code];
  };

  test('tells who the box is and how it is', async () => {
    const identity = await running(client.identity());
    expect(identity).toEqual(a.node.identity());
    const status = await running(client.status());
    expect(status).toMatchObject({
      identity,
      radio: { region: 'EU868', health: 'ok' },
      store: { state: 'ok' },
    });
  });

  test('keeps contacts', async () => {
    const code = b.contact;
    const entry = await running(client.addContact({ name: 'Büro / B?', contact: code }));
    expect(entry).toMatchObject({ name: 'Büro / B?', contact: code });
    expect(await running(client.contacts())).toEqual([entry]);
    await running(client.removeContact('Büro / B?'));
    expect(await running(client.contacts())).toEqual([]);
  });

  test('sends, and streams the progress to its end', async () => {
    const entry = await running(client.send({ to: b.contact, text: 'hello' }));
    expect(entry).toMatchObject({ text: 'hello', state: 'stored' });
    const seen: string[] = [];
    await running(
      (async () => {
        for await (const progress of client.progress(entry.id)) seen.push(progress.state);
      })(),
    );
    expect(seen.slice(0, 2)).toEqual(['composed', 'stored']);
    expect(seen.at(-1)).toBe('delivered');
    expect((await running(client.outbox())).map((m) => m.state)).toEqual(['delivered']);
    expect(Array.from(b.node.inbox(), (m) => m.text)).toEqual(['hello']);
  });

  test('streams the inbox: what is there, then what comes, each once', async () => {
    const say = async (text: string) => {
      const { id } = await world.settle(b.node.send(a.contact, text));
      await world.sim.until(() => b.node.outbox().find((m) => m.id === id)?.state === 'delivered', 600_000);
    };
    await say('one');
    const seen: string[] = [];
    const following = (async () => {
      for await (const message of client.followInbox()) {
        seen.push(message.text);
        if (seen.length === 3) return;
      }
    })();
    await running(new Promise((resolve) => setTimeout(resolve, 50)));
    expect(seen).toEqual(['one']);
    await say('two');
    await say('three');
    await running(following);
    expect(seen).toEqual(['one', 'two', 'three']);
    const [first] = await running(client.inbox());
    const later = await raw('GET', `/v1/inbox?after=${first?.id}`);
    expect(JSON.parse(later.body).map((m: { text: string }) => m.text)).toEqual(['two', 'three']);
    await running(client.removeFromInbox(first?.id ?? ''));
    expect((await running(client.inbox())).map((m) => m.text)).toEqual(['two', 'three']);
    expect((await running(client.status())).messages.inbox).toBe(2);
  });

  test.each(['', '?follow=1'])(
    'an inbox of many MB goes out at the pace of its reader, from the disk: inbox%s',
    async (query) => {
      await server.close();
      await world.settle(b.stop());
      await fillInbox(b.directory, COUNT, 'x'.repeat(16_384), false);
      await world.settle(b.start());
      server = await serveApi(b.node, socket);
      const before = memoryInUse();
      const response = await running(
        new Promise<IncomingMessage>((resolve, reject) =>
          request({ socketPath: socket, path: `/v1/inbox${query}`, agent: false }, resolve)
            .on('error', reject)
            .end(),
        ),
      );
      await running(new Promise((resolve) => setTimeout(resolve, 50)));
      expect(memoryInUse() - before).toBeLessThan(2 ** 24);
      let body = '';
      let lines = 0;
      for await (const part of response.setEncoding('utf8') as AsyncIterable<string>) {
        body += part;
        lines += part.split('\n').length - 1;
        if (lines === COUNT) break;
      }
      const entries =
        query === ''
          ? JSON.parse(body)
          : body
              .trimEnd()
              .split('\n')
              .map((l) => JSON.parse(l));
      expect(new Set(entries.map((e: { id: string }) => e.id)).size).toBe(COUNT);
    },
  );

  test('a list is one even where nothing has come', async () => {
    const { body, headers } = await raw('GET', '/v1/inbox');
    expect([headers['content-type'], body]).toEqual(['application/json', '[]']);
  });

  test('publishes, and streams what comes of a topic until it is followed no longer', async () => {
    const seen: string[] = [];
    const following = (async () => {
      for await (const item of client.subscribe('weather/*')) {
        seen.push(`${item.topic}: ${item.text}`);
        if (seen.length === 2) return;
      }
    })();
    await running(new Promise((resolve) => setTimeout(resolve, 50)));
    for (const [topic, text] of [
      ['weather/oslo', 'Snow'],
      ['traffic', 'None'],
      ['weather/köln', 'Rain?'],
    ] as const)
      expect((await running(client.publish({ topic, text }))).id).toMatch(/^[0-9a-f]{16}$/);
    await running(following);
    expect(seen).toEqual(['weather/oslo: Snow', 'weather/köln: Rain?']);
    expect((await running(client.status())).pub.topics).toEqual(['weather/*']);
    await running(client.unsubscribe('weather/*'));
    expect((await running(client.status())).pub.topics).toEqual([]);
    expect(await refused('DELETE', '/v1/topics/weather')).toEqual([404, 'not-found']);
    expect(await refused('POST', '/v1/topics', '{"topic":"a*","text":""}')).toEqual([400, 'bad-topic']);
    expect(await refused('GET', '/v1/topics/a%0ab')).toEqual([400, 'bad-topic']);
  });

  test('a stream that is cut off does not look as if it had ended', async () => {
    const { id } = await running(client.send({ to: b.contact, text: 'hello' }));
    const stream = client.progress(id)[Symbol.asyncIterator]();
    expect((await running(stream.next())).value).toMatchObject({ state: 'composed' });
    await running(stream.next());
    const next = stream.next();
    await server.close();
    await expect(next).rejects.toMatchObject({
      code: 'cut-off',
      message: expect.stringMatching(/see its log/),
    });
  });

  test('its socket goes with it, and the client says what to do', async () => {
    expect(statSync(socket).mode & 0o777).toBe(0o660);
    await server.close();
    expect(statSync(socket, { throwIfNoEntry: false })).toBeUndefined();
    await expect(client.identity()).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(
        /^No nexusd answers at .*: start it .* or name its socket with --socket\.$/,
      ),
    });
  });

  test.each([400, 200])('something else behind the socket, that says %i, is told apart', async (status) => {
    const path = join(directory, 'other.sock');
    const other = createServer((s) =>
      s
        .on('error', () => undefined)
        .resume()
        .end(`HTTP/1.1 ${status} Whatever\r\n\r\nno`),
    );
    await new Promise<void>((done) => other.listen(path, done));
    await expect(new ApiClient(path).identity()).rejects.toMatchObject({ code: 'bad-answer' });
    await new Promise((done) => other.close(done));
  });

  test('a socket without a name is nobody, not a port of this machine', () => {
    expect(() => new ApiClient('')).toThrow(expect.objectContaining({ code: 'unreachable' }));
  });

  test('topics that look like steps in a path are topics', async () => {
    const seen: string[] = [];
    const following = (async () => {
      for await (const { text } of client.subscribe('..')) return void seen.push(text);
    })();
    await running(new Promise((resolve) => setTimeout(resolve, 50)));
    await running(client.publish({ topic: '..', text: 'up' }));
    await running(following);
    expect(seen).toEqual(['up']);
    await running(client.unsubscribe('..'));
    expect((await running(client.status())).pub.topics).toEqual([]);
  });

  describe('refuses', () => {
    test.each([
      ['GET', '/'],
      ['GET', '/v1'],
      ['GET', '/v2/id'],
      ['POST', '/v1/id'],
      ['GET', '/v1/id/more'],
      ['GET', '/v1/messages/00/else'],
      ['DELETE', '/v1/messages/00'],
      ['GET', '//v1/id'],
      ['GET', '//'],
    ])('%s %s, which is nothing', async (method, path) => {
      expect(await refused(method, path)).toEqual([404, 'no-such-path']);
    });

    test.each([
      ['no body', undefined],
      ['no JSON', '{'],
      ['no object', '"text"'],
      ['nothing', 'null'],
      ['a list', '["a"]'],
      ['no text', '{"to":"b"}'],
      ['a number for a text', '{"to":"b","text":7}'],
      ['what only a prototype has', '{"to":"b","__proto__":{"text":"x"}}'],
    ])('a message of %s', async (_what, body) => {
      expect(await refused('POST', '/v1/messages', body)).toEqual([400, 'bad-request']);
    });

    test('a body beyond its bound', async () => {
      const text = 'x'.repeat(MAX_BODY_BYTES);
      expect(await refused('POST', '/v1/messages', JSON.stringify({ to: b.contact, text }))).toEqual([
        413,
        'too-large',
      ]);
    });

    test('and the client does not even send it', async () => {
      const text = 'x'.repeat(MAX_BODY_BYTES);
      await expect(client.send({ to: b.contact, text })).rejects.toMatchObject({ code: 'too-large' });
    });

    test.each(['after=9007199254740991', 'after=-1', 'after=x', 'limit=1001'])(
      'objects with %s',
      async (query) => {
        expect(await refused('GET', `/v1/store?${query}`)).toEqual([400, 'bad-request']);
      },
    );

    test('a text that is too long to be sent', async () => {
      const text = 'x'.repeat(16_385);
      expect(await refused('POST', '/v1/messages', JSON.stringify({ to: b.contact, text }))).toEqual([
        413,
        'too-long',
      ]);
    });

    test('the longest text fits, whatever its characters', async () => {
      const text = '\u0001'.repeat(16_384);
      const answer = await raw('POST', '/v1/messages', JSON.stringify({ to: b.contact, text }));
      expect([answer.status, JSON.parse(answer.body).text.length]).toEqual([201, 16_384]);
    });

    test('what is not there', async () => {
      expect(await refused('GET', '/v1/messages/00/progress')).toEqual([404, 'not-found']);
      expect(await refused('GET', '/v1/inbox?after=00')).toEqual([404, 'not-found']);
      expect(await refused('GET', '/v1/inbox?follow=1&after=00')).toEqual([404, 'not-found']);
      expect(await refused('DELETE', '/v1/contacts/nobody')).toEqual([404, 'not-found']);
      expect(await refused('DELETE', '/v1/inbox/00')).toEqual([404, 'not-found']);
      expect(await refused('POST', '/v1/messages', '{"to":"nobody","text":"x"}')).toEqual([404, 'not-found']);
    });

    test('a path that is not percent-encoded', async () => {
      expect(await refused('DELETE', '/v1/contacts/%zz')).toEqual([400, 'bad-request']);
    });

    test('a request that breaks off, and goes on serving', async () => {
      await new Promise<void>((resolve) => {
        const half = request({ socketPath: socket, method: 'POST', path: '/v1/messages' });
        half.on('error', () => resolve());
        half.write('{"to":');
        setTimeout(() => half.destroy(), 30);
      });
      expect((await raw('GET', '/v1/id')).status).toBe(200);
    });
  });
});
