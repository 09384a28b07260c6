/** Node's sockets as the LAN medium knows them: on 127.0.0.1, and multicast where the machine has an interface for it. */
import { getEventListeners } from 'node:events';
import { networkInterfaces } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import type { Opened, Stream } from '../../../src/link/lan/net.ts';
import { nodeNet } from '../../../src/link/lan/sockets.ts';
import { eventually } from '../../lan-boxes.ts';

const HOST = '127.0.0.1';
const BEACON_PORT = 27_183;
const net = nodeNet(BEACON_PORT);
const never = new AbortController().signal;
const opened: Opened[] = [];
const streams: Stream[] = [];
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.destroy();
  await Promise.all(opened.splice(0).map((o) => o.close()));
});

const listen = async (port = 0) => {
  const taken: Stream[] = [];
  const server = await net.listen({ host: HOST, port }, (stream) => {
    taken.push(stream);
    streams.push(stream);
  });
  opened.push(server);
  return { taken, port: server.port };
};
const dial = async (port: number) => {
  const stream = await net.dial({ host: HOST, port }, never);
  streams.push(stream);
  return stream;
};

test('bytes go both ways, and each end learns of the other’s end', async () => {
  const { taken, port } = await listen();
  const here = await dial(port);
  await eventually(() => taken.length === 1);
  const [there] = taken;
  if (!there) throw new Error('nobody came');
  const heard: number[] = [];
  let closed = 0;
  there.onData.on((bytes) => heard.push(...bytes));
  here.onData.on((bytes) => heard.push(...bytes));
  here.onClose.on(() => closed++);
  there.onClose.on(() => closed++);
  here.write(Uint8Array.of(1, 2));
  await eventually(() => heard.length === 2);
  there.write(Uint8Array.of(3));
  await eventually(() => heard.length === 3);
  expect([heard, there.remote, here.remote]).toEqual([[1, 2, 3], HOST, HOST]);
  here.destroy();
  here.destroy();
  here.write(Uint8Array.of(4));
  await eventually(() => closed === 2);
});

test('what the other end does not read is known to wait', async () => {
  const { port } = await listen();
  const { connect } = await import('node:net');
  const here = await dial(port);
  const deaf = connect({ host: HOST, port });
  await new Promise((resolve) => deaf.once('connect', resolve));
  deaf.pause();
  await eventually(() => streams.length === 3);
  const toDeaf = streams.at(-1);
  for (let i = 0; i < 2_000; i++) toDeaf?.write(new Uint8Array(8_192));
  expect(toDeaf?.buffered).toBeGreaterThan(131_072);
  expect(here.buffered).toBe(0);
  deaf.destroy();
});

test('where nobody listens, and where nobody answers in time, dialling fails', async () => {
  const { port } = await listen();
  await Promise.all(opened.splice(0).map((o) => o.close()));
  await expect(net.dial({ host: HOST, port }, never)).rejects.toThrow(/ECONNREFUSED/);
  const given = new AbortController();
  given.abort();
  await expect(net.dial({ host: HOST, port }, given.signal)).rejects.toThrow();
});

test('a dial that is over is not held on to, however it ended', async () => {
  const { port } = await listen();
  const given = new AbortController();
  const signal = AbortSignal.any([given.signal]);
  (await net.dial({ host: HOST, port }, signal)).destroy();
  await Promise.all(opened.splice(0).map((o) => o.close()));
  await expect(net.dial({ host: HOST, port }, signal)).rejects.toThrow(/ECONNREFUSED/);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('a port that is taken is a sentence', async () => {
  const { port } = await listen();
  await expect(listen(port)).rejects.toMatchObject({
    name: 'PersonError',
    message: `Port ${port} cannot be had (another program listens there): set another port in [lan] of the configuration, or 0 for none.`,
  });
});

const hasInterface = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .some((a) => a.family === 'IPv4' && !a.internal);

test.skipIf(!hasInterface)('beacons are heard by all on one machine', async () => {
  const heard: number[][] = [];
  const ears = await Promise.all([1, 2].map(() => net.beacons((bytes) => heard.push([...bytes]))));
  opened.push(...ears);
  await eventually(() => {
    // the sending socket is bound in its own time
    ears[0]?.send(Uint8Array.of(7, 8, 9));
    return heard.length >= 2;
  });
  expect(heard[0]).toEqual([7, 8, 9]);
});
