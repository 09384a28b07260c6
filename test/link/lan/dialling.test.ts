/** docs/protocol/link.md, "The LAN": who dials whom, and when again. */
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/core/random.ts';
import { Dialling, redialDelay, type Target } from '../../../src/link/lan/dialling.ts';

const OWN = '8000000000000000';
const LOWER = '1000000000000000';
const HIGHER = 'f000000000000000';
const nobody = () => false;
const PEER = { host: 'relay', port: 27182 };

const dialling = (...peers: (typeof PEER)[]) => new Dialling(OWN, peers, new SeededRandom(1));
const hosts = (d: Dialling, now: number, isConnected: (t: Target) => boolean = nobody) =>
  d.due(now, isConnected).map((t) => `${t.host}:${t.port}`);

test.each([
  [1, 1_000],
  [2, 2_000],
  [6, 32_000],
  [7, 60_000],
  [50, 60_000],
])('after %i failures it waits half to three halves of %i ms', (fails, ms) => {
  const random = new SeededRandom(fails);
  const waits = Array.from({ length: 500 }, () => redialDelay(fails, random));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(ms / 2);
  expect(Math.max(...waits)).toBeLessThan(1.5 * ms);
  expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(0.9 * ms);
});

describe('a configured peer', () => {
  test('is dialled at once, and once at a time', () => {
    const d = dialling(PEER);
    expect(hosts(d, 0)).toEqual(['relay:27182']);
    expect(hosts(d, 1_000_000)).toEqual([]);
  });

  test('is dialled again for ever, and at once slower', () => {
    const d = dialling(PEER);
    let now = 0;
    for (let i = 0; i < 20; i++) {
      const [t] = d.due(now, nobody);
      if (!t) throw new Error('not due');
      d.failed(t, now);
      expect(t.nextAt - now).toBeGreaterThanOrEqual(500);
      now = t.nextAt;
    }
  });

  test('is left alone while there is a connection to whom it turned out to be', () => {
    const d = dialling(PEER);
    const [t] = d.due(0, nobody);
    if (!t) throw new Error('not due');
    d.connected(t, LOWER);
    expect(hosts(d, 10_000, (t) => t.instance === LOWER)).toEqual([]);
    d.failed(t, 10_000);
    expect(hosts(d, 20_000, (t) => t.instance === LOWER)).toEqual([]);
    expect(hosts(d, 20_000)).toEqual(['relay:27182']);
  });

  test.each([
    [60_000, 500, 1_500],
    [59_999, 30_000, 90_000],
  ])('a proven connection that has lasted %i ms lets the next dial wait %i to %i ms', (ms, least, most) => {
    const d = dialling(PEER);
    const [t] = d.due(0, nobody);
    if (!t) throw new Error('not due');
    for (let i = 0; i < 10; i++) d.failed(t, 0);
    d.connected(t, LOWER);
    d.proven(t, 'x', 0);
    d.proven(t, 'x', 30_000); // again: it is as old as it was
    d.failed(t, ms);
    expect(t.nextAt - ms).toBeGreaterThanOrEqual(least);
    expect(t.nextAt - ms).toBeLessThanOrEqual(most);
  });

  test('that is this box itself is forgotten', () => {
    const d = dialling(PEER);
    const [t] = d.due(0, nobody);
    if (t) d.forget(t);
    expect(hosts(d, 1_000_000)).toEqual([]);
  });
});

describe('a beacon', () => {
  test('with a higher instance is dialled at once, with a lower one only where the other has not dialled', () => {
    const d = dialling();
    d.found('h', 1, HIGHER, 0);
    d.found('l', 2, LOWER, 0);
    expect(hosts(d, 0)).toEqual(['h:1']);
    expect(hosts(d, 2_999)).toEqual([]);
    expect(hosts(d, 3_000, (t) => t.instance === LOWER)).toEqual([]);
    expect(hosts(d, 3_000)).toEqual(['l:2']);
  });

  test('of this box itself is nobody', () => {
    const d = dialling();
    d.found('me', 1, OWN, 0);
    expect(hosts(d, 1_000_000)).toEqual([]);
  });

  test('that names the instance of another box does not stand in its way', () => {
    const d = dialling();
    d.found('evil', 1, HIGHER, 0);
    d.found('h', 1, HIGHER, 0);
    d.found('h', 1, HIGHER, 1);
    expect(hosts(d, 0)).toEqual(['evil:1', 'h:1']);
  });

  test('heard again changes nothing, until it was forgotten after three failures', () => {
    const d = dialling();
    let now = 0;
    for (let i = 0; i < 3; i++) {
      d.found('h', 1, HIGHER, now);
      const [t, ...others] = d.due(now, nobody);
      if (!t) throw new Error('not due');
      expect(others).toEqual([]);
      d.failed(t, now);
      now += 60_000;
    }
    expect(hosts(d, now)).toEqual([]);
    d.found('h', 1, HIGHER, now);
    expect(hosts(d, now)).toEqual(['h:1']);
  });

  test('one host can make this box dial four, all hosts sixty-four, and four at once', () => {
    const d = dialling();
    const instance = (n: number) => `f${String(n).padStart(15, '0')}`;
    const found = Array.from({ length: 100 }, (_, i) => d.found('one', 1000 + i, instance(i), 0));
    expect(found.filter((f) => f)).toHaveLength(4);
    const all = Array.from({ length: 100 }, (_, i) => d.found(`host ${i}`, 1, instance(1000 + i), 0));
    expect(all.filter((f) => f)).toHaveLength(60);
    expect(hosts(d, 0)).toHaveLength(4);
    expect(hosts(d, 0)).toEqual([]);
  });
});
