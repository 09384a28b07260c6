/** Boxes on a LAN, without any radio (docs/protocol/link.md, "The LAN"): real sockets on 127.0.0.1, real time. */
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NexusNode } from '../../src/node/nexus-node.ts';
import { eventually, type LanBox, LanBoxes } from '../lan-boxes.ts';

let boxes: LanBoxes;
beforeEach(() => {
  boxes = new LanBoxes();
});
afterEach(() => boxes.end());

const heardBy = (node: NexusNode) => node.status().neighbours.map((n) => n.nodeId);

test('a message from one to the other, and the answer', async () => {
  const a = await boxes.box('A');
  const b = await boxes.box('B', a);
  await a.deliver(b, 'over copper');
  await b.deliver(a, 'and back');
  expect([a.texts(), b.texts()]).toEqual([['and back'], ['over copper']]);
  expect(a.node.status()).toMatchObject({
    lan: { port: a.port, connections: 1 },
    neighbours: [{ nodeId: b.node.identity().nodeId, medium: 'lan', linked: true }],
  });
});

test('three, each with each, and many messages at once, each delivered once', async () => {
  const a = await boxes.box('A');
  const b = await boxes.box('B', a);
  const c = await boxes.box('C', a, b);
  const texts = Array.from({ length: 20 }, (_, i) => `message ${i}`);
  const all = (from: LanBox, to: LanBox) => Promise.all(texts.map((t) => from.deliver(to, t)));
  await Promise.all([all(a, b), all(b, c), all(c, a)]);
  for (const box of [a, b, c]) {
    expect([...box.texts()].sort()).toEqual([...texts].sort());
    expect(box.node.status().lan).toMatchObject({ connections: 2 });
  }
});

test('the longest message there is', async () => {
  const a = await boxes.box('A');
  const b = await boxes.box('B', a);
  const text = Array.from({ length: 500 }, (_, i) => `${(i * 7919) % 1013}`).join(' ');
  await a.deliver(b, text);
  expect(b.texts()).toEqual([text]);
});

test('one is off and back: whoever waits for it is told at once that it is gone, and goes on when it is back', async () => {
  const a = await boxes.box('A');
  const b = await boxes.box('B', a);
  await a.linkedTo(b);
  const { contact } = b;
  await b.stop();
  await eventually(() => heardBy(a.node).length === 0);
  const { id } = await a.node.send(contact, 'waits');
  await b.start();
  for await (const { state } of a.node.progress(id, AbortSignal.timeout(15_000)))
    if (state === 'delivered') break;
  expect(b.texts()).toEqual(['waits']);
});

describe('hostile peers', () => {
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });
  /** A stranger's socket, and whether it has been closed. */
  const stranger = async (to: LanBox): Promise<{ socket: Socket; closed: () => boolean }> => {
    const socket = connect({ ...to.address, allowHalfOpen: true });
    sockets.push(socket);
    let closed = false;
    socket.on('error', () => {});
    for (const event of ['end', 'close'])
      socket.on(event, () => {
        closed = true;
      });
    socket.resume();
    await new Promise((resolve) => socket.once('connect', resolve));
    return { socket, closed: () => closed };
  };
  const START = [0x4e, 0x58, 0x4c, 1, 1, 2, 3, 4, 5, 6, 7, 8];

  test('garbage, lengths too long, a flood of frames and one of connections: messages go on', async () => {
    const a = await boxes.box('A');
    const b = await boxes.box('B', a);
    await a.linkedTo(b);
    const [garbage, oversize, flood, stalled] = [
      await stranger(a),
      await stranger(a),
      await stranger(a),
      await stranger(a),
    ];
    garbage.socket.write('GET / HTTP/1.1\r\n\r\n');
    oversize.socket.write(Uint8Array.of(...START, 0xff, 0xff));
    flood.socket.write(Uint8Array.of(...START, ...Array.from({ length: 3_000 }, () => [1, 0, 0xff]).flat()));
    stalled.socket.write(Uint8Array.of(...START, 10, 0, 1));
    await eventually(() => [garbage, oversize, flood].every((s) => s.closed()));
    for (let i = 0; i < 50; i++) await stranger(a);
    await a.deliver(b, 'through it all');
    await b.deliver(a, 'likewise');
    expect(a.counters.all()).toMatchObject({
      'lan.refused.preamble': 1,
      'lan.refused.length': 1,
      'lan.dropped.unproven': 1,
      'link.refused.version': 64,
    });
    expect(a.counters.get('lan.refused.too-many-connections')).toBeGreaterThan(40);
  });

  test('a loud stranger that resets its connection in the middle of a frame harms nobody', async () => {
    const a = await boxes.box('A');
    for (let i = 0; i < 20; i++) {
      const { socket } = await stranger(a);
      socket.write(Uint8Array.of(...START, 0, 16, 1, 2, 3));
      socket.resetAndDestroy();
    }
    const b = await boxes.box('B', a);
    await b.deliver(a, 'still here');
  });
});
