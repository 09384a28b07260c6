/** docs/protocol/link.md, "Transfers", the receiver's side: reassembly, what is kept, and what a lying sender gets. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { equal } from '../../src/core/bytes.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { nodeIdFrom } from '../../src/identity/node-id.ts';
import type { Fragment } from '../../src/link/fragments.ts';
import { IncomingTransfers } from '../../src/link/incoming.ts';

const KEPT = 9_000_000;
const node = (n: number) => nodeIdFrom(new Uint8Array(16).fill(n));
const A = node(1);
const object = (n: number) => new Uint8Array(8).fill(n);
const content = (n: number) => new SeededRandom('content').bytes(n);

/** The fragments of `bytes`, all of `length` but the last. */
function cut(bytes: Uint8Array, length: number, pushed: boolean, id = 0): Fragment[] {
  const count = Math.ceil(bytes.length / length);
  return Array.from({ length: count }, (_, index) => ({
    id,
    pushed,
    index,
    last: index === count - 1,
    bytes: bytes.subarray(index * length, (index + 1) * length),
  }));
}

const at = <T>(all: readonly T[], i: number): T => {
  const found = all.at(i);
  if (found === undefined) throw new RangeError(`no ${i}`);
  return found;
};

describe('reassembly', () => {
  test('in any order, with repetitions, gives the bytes once', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.integer({ min: 1, max: 1600 }),
        fc.integer({ min: 200, max: 231 }),
        fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
        (pushed, size, length, order) => {
          const incoming = new IncomingTransfers();
          const bytes = content(size);
          const fragments = cut(bytes, length, pushed);
          if (!pushed) incoming.expect(A, 0, object(1), size, 0);
          const sequence = [...order.map((n) => at(fragments, n % fragments.length)), ...fragments];
          const results = sequence.map((f) => incoming.fragment(A, 7, f, 0));
          const complete = results.filter((r) => r.is === 'complete');
          expect(complete).toHaveLength(1);
          expect(complete[0]?.is === 'complete' && equal(complete[0].bytes, bytes)).toBe(true);
          expect(results.some((r) => r.is === 'refused' || r.is === 'unknown')).toBe(false);
          expect(at(results, -1).is).toMatch(/complete|repeated/);
        },
      ),
    );
  });

  test('the bitmap tells what is missing', () => {
    const incoming = new IncomingTransfers();
    incoming.expect(A, 3, object(1), 1000, 0);
    const fragments = cut(content(1000), 231, false, 3);
    expect(incoming.fragment(A, 7, at(fragments, 0), 0)).toEqual({
      is: 'partial',
      bitmap: { id: 3, next: 1, after: new Uint8Array(0) },
    });
    expect(incoming.fragment(A, 7, at(fragments, 3), 0)).toEqual({
      is: 'partial',
      bitmap: { id: 3, next: 1, after: Uint8Array.of(0b10) },
    });
  });

  test('of a pushed one whose last fragment came first', () => {
    const incoming = new IncomingTransfers();
    const bytes = content(500);
    const fragments = cut(bytes, 231, true);
    expect(incoming.fragment(A, 7, at(fragments, 2), 0)).toEqual({
      is: 'partial',
      bitmap: { id: 0, next: 0, after: Uint8Array.of(0b10) },
    });
    incoming.fragment(A, 7, at(fragments, 0), 0);
    expect(incoming.fragment(A, 7, at(fragments, 1), 0)).toMatchObject({ is: 'complete', bytes });
  });

  test('255 fragments', () => {
    const incoming = new IncomingTransfers();
    const bytes = content(255 * 176);
    incoming.expect(A, 0, object(1), bytes.length, 0);
    const results = cut(bytes, 176, false).map((f) => incoming.fragment(A, 7, f, 0));
    expect(at(results, -1)).toMatchObject({ is: 'complete', bitmap: { next: 255 } });
  });

  test('a completed one answers again what it answered', () => {
    const incoming = new IncomingTransfers();
    const [only] = cut(content(100), 231, true);
    if (!only) throw new Error('no fragment');
    const result = incoming.fragment(A, 7, only, 0);
    expect(incoming.fragment(A, 7, only, 0)).toMatchObject({ is: 'repeated', reply: undefined });
    const record = { type: 21, body: object(1) };
    if (result.is === 'complete') result.answered({ record });
    expect(incoming.fragment(A, 7, only, 0)).toMatchObject({ is: 'repeated', reply: { record } });
  });
});

describe('what is kept', () => {
  test('the part of an expected object, over sessions, ids and fragment lengths', () => {
    const incoming = new IncomingTransfers();
    const bytes = content(1000);
    expect(incoming.expect(A, 0, object(1), 1000, 0)).toEqual([]);
    for (const f of cut(bytes, 231, false).filter((f) => f.index !== 1)) incoming.fragment(A, 7, f, 0);
    const held = incoming.expect(A, 9, object(1), 1000, KEPT - 1);
    expect(held).toEqual([
      [0, 231],
      [462, 1000],
    ]);
    // fragments of 200 bytes from now on: 1 and 2 are not wholly there
    const fragments = cut(bytes, 200, false, 9);
    expect(incoming.fragment(A, 8, at(fragments, 1), KEPT - 1).is).toBe('partial');
    expect(incoming.fragment(A, 8, at(fragments, 2), KEPT - 1)).toMatchObject({ is: 'complete', bytes });
  });

  test('of another neighbour, or of another size, it is another', () => {
    const incoming = new IncomingTransfers();
    incoming.expect(A, 0, object(1), 1000, 0);
    incoming.fragment(A, 7, at(cut(content(1000), 231, false), 0), 0);
    expect(incoming.expect(node(2), 0, object(1), 1000, 0)).toEqual([]);
    expect(incoming.expect(A, 1, object(1), 999, 0)).toEqual([]);
  });

  test('for two hours and a half', () => {
    const incoming = new IncomingTransfers();
    incoming.expect(A, 0, object(1), 1000, 0);
    const fragments = cut(content(1000), 231, false);
    incoming.fragment(A, 7, at(fragments, 0), 0);
    expect(incoming.fragment(A, 7, at(fragments, 1), KEPT).is).toBe('unknown');
    expect(incoming.expect(A, 0, object(1), 1000, KEPT)).toEqual([]);
  });

  test('pushed ones belong to their session: a node that has booted uses its ids anew', () => {
    const incoming = new IncomingTransfers();
    const fragments = cut(content(500), 231, true);
    incoming.fragment(A, 7, at(fragments, 0), 0);
    incoming.fragment(A, 7, at(fragments, 1), 0);
    expect(incoming.fragment(A, 8, at(fragments, 2), 0).is).toBe('partial');
  });
});

describe('bounds', () => {
  test('64 KiB of one neighbour: what was touched longest ago goes', () => {
    const incoming = new IncomingTransfers();
    for (let i = 0; i < 8; i++) {
      incoming.expect(A, i, object(i), 8192, i);
      incoming.fragment(A, 7, at(cut(content(8192), 231, false, i), 0), i);
    }
    expect(incoming.expect(A, 9, object(9), 8192, 10)).toEqual([]);
    expect(incoming.fragment(A, 7, at(cut(content(8192), 231, false, 0), 1), 10).is).toBe('unknown');
    expect(incoming.fragment(A, 7, at(cut(content(8192), 231, false, 1), 1), 10).is).toBe('partial');
  });

  test('256 KiB of all: strangers share it', () => {
    const incoming = new IncomingTransfers();
    for (let i = 0; i < 5; i++) {
      incoming.expect(node(i), 0, object(1), 65_535, i);
      incoming.fragment(node(i), 7, at(cut(content(65_535), 258, false), 0), i);
    }
    const held = Array.from(
      { length: 5 },
      (_, i) => incoming.fragment(node(i), 7, at(cut(content(65_535), 258, false), 1), 9).is,
    );
    expect(held).toEqual(['unknown', 'partial', 'partial', 'partial', 'partial']);
  });

  describe('objects of two bytes, one of which is here', () => {
    const numbered = (n: number) => Uint8Array.of(0, 0, 0, 0, 0, 0, n >> 8, n & 0xff);
    const [half] = cut(content(2), 1, false);
    const begun = (incoming: IncomingTransfers, from: number, n: number) => {
      incoming.expect(node(from), 0, numbered(n), 2, n);
      if (half) incoming.fragment(node(from), 7, half, n);
    };
    const isHeld = (incoming: IncomingTransfers, from: number, n: number) =>
      incoming.expect(node(from), 1, numbered(n), 2, 300).length > 0;

    test('64 of one neighbour', () => {
      const incoming = new IncomingTransfers();
      begun(incoming, 2, 0);
      for (let n = 0; n <= 64; n++) begun(incoming, 1, n);
      expect([64, 63, 1].map((n) => isHeld(incoming, 1, n))).toEqual([true, true, true]);
      expect(isHeld(incoming, 1, 0)).toBe(false);
      expect(isHeld(incoming, 2, 0)).toBe(true);
    });

    test('256 of all', () => {
      const incoming = new IncomingTransfers();
      for (let n = 0; n <= 256; n++) begun(incoming, n % 8, n);
      expect([256, 255, 1].map((n) => isHeld(incoming, n % 8, n))).toEqual([true, true, true]);
      expect(isHeld(incoming, 0, 0)).toBe(false);
    });
  });

  test('1,024 transfers of all, completed ones too: of what was longest ago a repetition is taken for new', () => {
    const incoming = new IncomingTransfers();
    const [only] = cut(content(100), 231, true);
    if (!only) throw new Error('no fragment');
    const pushed = (from: number, id: number) => incoming.fragment(node(from), 7, { ...only, id }, 0).is;
    for (let from = 0; from < 64; from++) for (let id = 0; id < 16; id++) pushed(from, id);
    expect(pushed(0, 0)).toBe('repeated');
    pushed(64, 0);
    expect([pushed(0, 1), pushed(64, 0), pushed(0, 0)]).toEqual(['repeated', 'repeated', 'complete']);
  });

  test('16 transfers of one neighbour, 32 pushed ones of all', () => {
    const incoming = new IncomingTransfers();
    const begun = (n: number, id: number) =>
      incoming.fragment(node(n), 7, at(cut(content(500), 231, true, id), 0), 0);
    for (let id = 0; id < 17; id++) begun(1, id);
    expect(incoming.fragment(node(1), 7, at(cut(content(500), 231, true, 0), 1), 0)).toMatchObject({
      bitmap: { next: 0 },
    });
    for (let n = 2; n < 5; n++) for (let id = 0; id < 16; id++) begun(n, id);
    expect(incoming.fragment(node(2), 7, at(cut(content(500), 231, true, 15), 1), 0)).toMatchObject({
      bitmap: { next: 0 },
    });
    expect(incoming.fragment(node(4), 7, at(cut(content(500), 231, true, 15), 1), 0)).toMatchObject({
      bitmap: { next: 2 },
    });
  });

  test('a size that no transfer has is never received, and ends what this id stood for', () => {
    const incoming = new IncomingTransfers();
    const [first] = cut(content(1000), 231, false);
    if (!first) throw new Error('no fragment');
    for (const size of [0, 65_536]) {
      incoming.expect(A, 0, object(1), 1000, 0);
      expect(incoming.expect(A, 0, object(2), size, 0)).toEqual([]);
      expect(incoming.fragment(A, 7, first, 0).is).toBe('unknown');
    }
  });

  test('as many held ranges are named as fit the smallest frame, whatever pieces the sender has made', () => {
    const incoming = new IncomingTransfers();
    incoming.expect(A, 0, object(1), 4096, 0);
    for (const f of cut(content(4096), 17, false)) if (f.index % 2 === 0) incoming.fragment(A, 7, f, 0);
    const held = incoming.expect(A, 1, object(1), 4096, 0);
    expect(held).toHaveLength(32);
    expect(8 + 4 * held.length).toBeLessThanOrEqual(200 - 21 - 1);
  });
});

describe('a lying sender is refused', () => {
  const f = (index: number, length: number, last = false, pushed = false): Fragment => ({
    id: 0,
    pushed,
    index,
    last,
    bytes: content(length),
  });
  test.each([
    ['a last fragment that ends short', 1000, [], f(4, 75, true)],
    ['a last fragment beyond the end', 1000, [], f(4, 77, true)],
    ['a last fragment longer than the others', 1000, [f(0, 100)], f(4, 600, true)],
    ['a fragment beyond the end', 1000, [], f(5, 231)],
    ['a fragment up to the end that is not the last', 1000, [], f(3, 250)],
    ['another length', 1000, [f(0, 231)], f(1, 230)],
    ['a last one of another length', 1000, [f(0, 200)], f(4, 76, true)],
    ['fragments too short for 255 of them', 1000, [], f(0, 3)],
    ['the whole as index 0, too short', 1000, [], f(0, 231, true)],
  ])('expected: %s', (_what, size, before, lie) => {
    const incoming = new IncomingTransfers();
    incoming.expect(A, 0, object(1), size, 0);
    for (const fragment of before) expect(incoming.fragment(A, 7, fragment, 0).is).toBe('partial');
    expect(incoming.fragment(A, 7, lie, 0).is).toBe('refused');
  });

  test.each([
    ['a ninth', [], f(8, 100, false, true)],
    ['another length', [f(0, 231, false, true)], f(1, 230, false, true)],
    ['two ends', [f(3, 50, true, true)], f(2, 50, true, true)],
    ['a last one longer than the others', [f(0, 100, false, true)], f(1, 101, true, true)],
    ['others shorter than the last one', [f(2, 100, true, true)], f(0, 99, false, true)],
    ['something after the end', [f(1, 50, true, true)], f(2, 231, false, true)],
    ['an end before what is here', [f(2, 231, false, true)], f(1, 50, true, true)],
    ['an end that was none before', [f(1, 231, false, true)], f(1, 231, true, true)],
  ])('pushed: %s', (_what, before, lie) => {
    const incoming = new IncomingTransfers();
    for (const fragment of before) expect(incoming.fragment(A, 7, fragment, 0).is).toBe('partial');
    expect(incoming.fragment(A, 7, lie, 0).is).toBe('refused');
  });

  test('whatever it sends, nothing throws and nothing comes out that does not fit', () => {
    const fragment = fc.record({
      id: fc.integer({ min: 0, max: 2 }),
      pushed: fc.boolean(),
      last: fc.boolean(),
      index: fc.integer({ min: 0, max: 9 }),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 6 }),
    });
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 60 }), (fragments) => {
        const incoming = new IncomingTransfers();
        incoming.expect(A, 0, object(0), 20, 0);
        incoming.expect(A, 1, object(1), 7, 0);
        for (const one of fragments) {
          const result = incoming.fragment(A, 7, one, 0);
          if (result.is !== 'complete') continue;
          if (one.pushed) expect(result.bytes.length).toBeLessThanOrEqual(8 * 6);
          else expect(result.bytes.length).toBe(one.id === 0 ? 20 : 7);
        }
      }),
    );
  });
});

describe('a sender that goes on after a restart', () => {
  test('gives the ids of what it pushes anew: what it had pushed in this session is forgotten, and nothing else', () => {
    const incoming = new IncomingTransfers();
    const halves = cut(content(40), 20, true, 1);
    incoming.fragment(A, 7, at(cut(content(20), 20, true), 0), 0);
    incoming.fragment(A, 7, at(halves, 0), 0);
    incoming.fragment(A, 77, at(halves, 0), 0);
    incoming.expect(A, 1, object(1), 40, 0);
    incoming.fragment(A, 7, { ...at(halves, 0), pushed: false }, 0);
    incoming.forgetPushed(A, 7);
    expect(incoming.fragment(A, 7, at(cut(new Uint8Array(20), 20, true), 0), 0).is).toBe('complete');
    expect(incoming.fragment(A, 7, at(halves, 1), 0).is).toBe('partial');
    expect(incoming.fragment(A, 77, at(halves, 1), 0).is).toBe('complete');
    expect(incoming.fragment(A, 7, { ...at(halves, 1), pushed: false }, 0).is).toBe('complete');
  });
});
