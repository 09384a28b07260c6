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
  ...{ via, remote: via, dialled: false, instance: HIGHER, proven: false, stranger: false, since: 0 },
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
    const all = many(MOST_CONNECTIONS, (i) => ({ proven: i < 3, since: 1000 - i }));
    expect(admit(all, 'x')).toEqual({ admitted: true, evicted: `c${MOST_CONNECTIONS - 1}` });
  });

  test('is turned away where all are proven', () => {
    expect(
      admit(
        many(MOST_CONNECTIONS, () => ({ proven: true })),
        'x',
      ),
    ).toEqual({ admitted: false });
  });

  test('takes the place of the youngest stranger, where all are proven and strangers have more than their part', () => {
    const strangers = (n: number) =>
      many(MOST_CONNECTIONS, (i) => ({ proven: true, stranger: i < n, since: i }));
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
  test('strangers that claim the same instance go', () => {
    const [a, b, c] = [kept('a', { proven: true }), kept('b'), kept('c', { instance: LOWER })];
    expect(superfluous([a, b, c], a, OWN)).toEqual(['b']);
  });

  test.each([
    ['higher', HIGHER, 'mine'],
    ['lower', LOWER, 'theirs'],
  ])('of two dialled at once, the other instance being %s, both ends keep the same', (_w, other, stays) => {
    const mine = kept('mine', { dialled: true, instance: other, proven: true, since: 0 });
    const theirs = kept('theirs', { dialled: false, instance: other, proven: true, since: 3000 });
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
    const older = kept('older', { dialled: true, proven: true, since: 0 });
    const newer = kept('newer', { dialled: false, proven: true, since: 60_000 });
    expect(superfluous([older, newer], newer, OWN)).toEqual(['older']);
  });
});
