/** Boxes on a LAN, without any radio (docs/protocol/link.md, "The LAN"): real sockets on 127.0.0.1, real time. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually, LanBoxes } from '../lan-boxes.ts';

let boxes: LanBoxes;
beforeEach(() => {
  boxes = new LanBoxes();
});
afterEach(() => boxes.end());

test('a message from one to the other, and the answer', async () => {
  const a = await boxes.box('A');
  const b = await boxes.box('B', a);
  await a.deliver(b, 'over copper');
  await b.deliver(a, 'and back');
  expect([a.texts(), b.texts()]).toEqual([['and back'], ['over copper']]);
});

test('rate', async () => {
  const a = await boxes.box('A');
  const b = await boxes.box('B', a);
  await a.deliver(b, 'first');
  const t = process.hrtime.bigint();
  const n = 200;
  for (let i = 0; i < n; i++) await a.deliver(b, `m${i}`);
  const ms = Number(process.hrtime.bigint() - t) / 1e6;
  console.log(`${((n / ms) * 1000).toFixed(0)} messages/s one after the other`);
  const t2 = process.hrtime.bigint();
  await Promise.all(Array.from({ length: n }, (_, i) => a.deliver(b, `p${i}`)));
  console.log(`${((n / Number(process.hrtime.bigint() - t2)) * 1e9).toFixed(0)} messages/s together`);
  console.log(a.counters.all(), b.counters.all(), a.node.status().neighbours, b.node.status().lan);
});
