import { linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listenOn } from '../../src/api/socket.ts';

describe('the socket file', () => {
  let directory: string;
  let path: string;
  const servers: Server[] = [];

  const server = () => {
    const made = createServer((socket) => socket.on('error', () => undefined).end('here'));
    servers.push(made);
    return made;
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'nexus-'));
    path = join(directory, 'api.sock');
  });

  afterEach(async () => {
    for (const s of servers.splice(0)) await new Promise((done) => s.close(done));
    rmSync(directory, { recursive: true });
  });

  /** What a daemon leaves behind that was killed. */
  async function leaveBehind() {
    const killed = createServer();
    const elsewhere = join(directory, 'killed.sock');
    await new Promise<void>((done) => killed.listen(elsewhere, done));
    linkSync(elsewhere, path);
    await new Promise((done) => killed.close(done));
  }

  const greeting = () =>
    new Promise((resolve, reject) => {
      connect(path)
        .once('data', (d) => resolve(String(d)))
        .once('error', reject);
    });

  test('is for owner and group only, and the process keeps its mask', async () => {
    const before = process.umask(0o022);
    await listenOn(server(), path);
    expect(statSync(path).mode & 0o777).toBe(0o660);
    expect(process.umask(before)).toBe(0o022);
  });

  test('one left behind by a killed daemon is replaced', async () => {
    await leaveBehind();
    await expect(greeting()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await listenOn(server(), path);
    await expect(greeting()).resolves.toBe('here');
  });

  test('one with a live daemon behind it is left alone', async () => {
    await listenOn(server(), path);
    await expect(listenOn(server(), path)).rejects.toMatchObject({
      name: 'PersonError',
      code: 'socket',
      message: expect.stringMatching(/^Another daemon listens at .*; stop it/),
    });
    await expect(greeting()).resolves.toBe('here');
  });

  test('a file that is no socket is not removed', async () => {
    writeFileSync(path, 'precious');
    await expect(listenOn(server(), path)).rejects.toThrow(/is not a socket; remove it/);
    expect(statSync(path).size).toBe(8);
  });

  test('a missing directory and a path too long for the system are told', async () => {
    await expect(listenOn(server(), join(directory, 'no', 'api.sock'))).rejects.toThrow(
      /directory .* is missing/,
    );
    await expect(listenOn(server(), `/tmp/${'x'.repeat(110)}`)).rejects.toThrow(/too long/);
  });
});
