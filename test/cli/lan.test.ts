/** Two daemons without radio on one network, as on two laptops: real sockets, real time. */
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Box, type Running, Town, until } from '../demo/processes.ts';

/** A port that nothing listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

describe('two laptops', () => {
  const town = new Town();
  let a: Box;
  let b: Box;
  let daemonOfA: Running;

  const json = async (box: Box, command: string) =>
    (await box.nexus([command, '--json'])).stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));

  const eventually = (holds: () => Promise<boolean>, what: string) => until(holds, what, 10);
  const isLinked = async (box: Box) =>
    (await json(box, 'neighbours'))[0]?.linked === true && (await json(box, 'routes'))[0]?.next !== undefined;

  beforeAll(async () => {
    const port = await freePort();
    [a, b] = [town.box('A'), town.box('B')];
    const without = '[radio]\nboard = "none"\n[lan]\nmulticast = false\n';
    a.write(`${without}port = ${port}\n`);
    b.write(`${without}port = 0\npeers = ["127.0.0.1:${port}"]\n`);
    [daemonOfA] = await Promise.all([a.start(), b.start()]);
    const [{ contact }] = await json(a, 'id');
    expect((await b.nexus(['contact', 'add', 'A', contact])).code).toBe(0);
    await eventually(() => isLinked(b), 'a link');
  });
  afterAll(() => town.end());

  test('show each other as neighbours by the LAN, for people and for programs', async () => {
    const [heard, ...others] = await json(b, 'neighbours');
    expect(others).toEqual([]);
    expect(heard).toMatchObject({ name: 'A', medium: 'lan', linked: true });
    const [head, row] = (await b.nexus(['neighbours'])).stdout.split('\n');
    expect(head).toMatch(/^node +name +by +heard +level +SNR +ETX +link$/);
    expect(row).toMatch(/^[0-9a-f]{8} +A +lan +[\d.]+ s ago +1\.0 +linked$/);
    expect((await b.nexus(['routes'])).stdout).toMatch(/^[0-9a-f]{8} +A +direct +1 +0\.00 s$/m);
    const { stdout } = await b.nexus(['status']);
    expect(stdout).toMatch(/^lan +1 connection, takes none$/m);
    expect(stdout).not.toMatch(/^law|^airtime|sealed-ms/m);
  });

  test('write to each other, and again after one was killed and is back', async () => {
    expect((await b.nexus(['send', 'A', 'by wire', '--wait'])).stdout).toMatch(/delivered/);
    const before = await json(a, 'inbox');
    expect(before).toMatchObject([{ text: 'by wire' }]);
    await daemonOfA.stop('SIGKILL');
    expect((await b.nexus(['send', 'A', 'later'])).code).toBe(0);
    await a.start();
    await eventually(async () => (await json(a, 'inbox')).length === 2, 'both messages');
    await eventually(
      async () => (await json(b, 'outbox')).every((m) => m.state === 'delivered'),
      'their receipts',
    );
  });
});
