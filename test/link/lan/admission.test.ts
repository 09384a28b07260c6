/** docs/protocol/link.md, "The LAN": which connections are kept. */
import { describe, expect, test } from 'vitest';
import {
  admit,
  type Kept,
  MOST_CONNECTIONS,
  MOST_OF_ADDRESS,
  MOST_OF_STRANGERS,
  superfluous,
} from '../../../src/link/lan/admission.ts';

const OWN = '80';
const LOWER = '10';
const HIGHER = 'f0';

const kept = (via: string, facts: Partial<Kept> = {}): Kept => ({
  ...{ via, remote: via, dialled: false, instance: HIGHER, owner: undefined, stranger: false, since: 0 },
  ...facts,
});
const many = (n: number, facts: (i: number) => Partial<Kept>) =>
  Array.from({ length: n }, (_, i) => kept(`c${i}`, facts(i)));

describe('one more', () => {
  test('comes while there is room', () => {
    expect(admit([], 'x')).toEqual({ admitted: true });
    expect(
      admit(
        many(MOST_CONNECTIONS - 1, () => ({})),
        'x',
      ),
    ).toEqual({ admitted: true });
  });

  test('takes the place of the oldest that nobody has proven', () => {
    const all = many(MOST_CONNECTIONS, (i) => ({ owner: i < 3 ? 'x' : undefined, since: 1000 - i }));
    expect(admit(all, 'x')).toEqual({ admitted: true, evicted: `c${MOST_CONNECTIONS - 1}` });
  });

  test('is turned away where all are proven', () => {
    expect(
      admit(
        many(MOST_CONNECTIONS, () => ({ owner: 'x' })),
        'x',
      ),
    ).toEqual({ admitted: false });
  });

  test('takes the place of the youngest stranger, where all are proven and strangers have more than their part', () => {
    const strangers = (n: number) =>
      many(MOST_CONNECTIONS, (i) => ({ owner: 'x', stranger: i < n, since: i }));
    expect(admit(strangers(MOST_OF_STRANGERS), 'x')).toEqual({ admitted: false });
    const evicted = `c${MOST_OF_STRANGERS}`;
    expect(admit(strangers(MOST_OF_STRANGERS + 1), 'x')).toEqual({ admitted: true, evicted });
  });

  test('is turned away where its address has enough', () => {
    const all = many(MOST_OF_ADDRESS, () => ({ remote: 'x' }));
    expect(admit(all, 'x')).toEqual({ admitted: false });
    expect(admit(all, 'y')).toEqual({ admitted: true });
  });
});

describe('once a connection is proven', () => {
  test('another one from its address goes, where nobody has proven it', () => {
    const from = { remote: 'there' };
    const [a, b] = [kept('a', { ...from, owner: 'x' }), kept('b', from)];
    expect(superfluous([a, b, kept('c', { ...from, instance: LOWER })], a, OWN)).toEqual(['b']);
  });

  test('nobody else goes: an instance is claimed by whoever likes, before the other has proven itself or after', () => {
    const evil = kept('evil', { owner: 'evil', since: 60_000 });
    const [honest, early] = [kept('honest', { owner: 'x' }), kept('early')];
    expect(superfluous([honest, early, evil], evil, OWN)).toEqual([]);
    expect(superfluous([honest, early, evil], honest, OWN)).toEqual([]);
  });

  test.each([
    ['higher', HIGHER, 'mine'],
    ['lower', LOWER, 'theirs'],
  ])('of two dialled at once, the other instance being %s, both ends keep the same', (_w, other, stays) => {
    const mine = kept('mine', { dialled: true, instance: other, owner: 'x', since: 0 });
    const theirs = kept('theirs', { dialled: false, instance: other, owner: 'x', since: 3000 });
    for (const proven of [mine, theirs])
      expect(superfluous([mine, theirs], proven, OWN)).toEqual([stays === 'mine' ? 'theirs' : 'mine']);
    // as the other end sees the same two
    const there = [
      { ...mine, dialled: false, instance: OWN },
      { ...theirs, dialled: true, instance: OWN },
    ] as const;
    for (const proven of there)
      expect(superfluous(there, proven, other)).toEqual([stays === 'mine' ? 'theirs' : 'mine']);
  });

  test('later, whoever dials again has lost the older one', () => {
    const older = kept('older', { dialled: true, owner: 'x', since: 0 });
    const newer = kept('newer', { dialled: false, owner: 'x', since: 60_000 });
    expect(superfluous([older, newer], newer, OWN)).toEqual(['older']);
  });
});
