/** ETX of one link. */
import { expect, test } from 'vitest';
import { LinkMeter } from '../../src/mesh/link-meter.ts';

test('a new link is thought good', () => {
  expect(new LinkMeter().etx).toBe(1);
});

test('what is heard stands for both ways until frames are exchanged', () => {
  const meter = new LinkMeter();
  for (let i = 0; i < 40; i++) meter.heard(2);
  expect(meter.etx).toBeGreaterThan(3);
  expect(meter.etx).toBeLessThan(4);
});

test('exchanges count for more: one in two answered is an ETX of two', () => {
  const meter = new LinkMeter();
  for (let i = 1; i <= 50; i++) meter.exchanged(2 * i, i);
  expect(meter.etx).toBeGreaterThan(1.8);
  expect(meter.etx).toBeLessThan(2.2);
});

test('a link that has become better is found out', () => {
  const meter = new LinkMeter();
  for (let i = 1; i <= 30; i++) meter.exchanged(i, 0);
  expect(meter.etx).toBeGreaterThan(8);
  for (let i = 1; i <= 60; i++) meter.exchanged(30 + i, i);
  expect(meter.etx).toBeLessThan(1.3);
});

test('counts that begin anew are counted anew', () => {
  const meter = new LinkMeter();
  meter.exchanged(20, 20);
  meter.exchanged(3, 3);
  expect(meter.etx).toBe(1);
});

test('an off neighbour is no bad link: a long silence counts as a few missed signs', () => {
  const [long, short] = [new LinkMeter(), new LinkMeter()];
  long.heard(500);
  short.heard(4);
  expect(long.etx).toBe(short.etx);
});
