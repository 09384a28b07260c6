/** The freshness chain: docs/protocol/mesh.md, "Freshness". */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { StorageFailed } from '../../src/db/db.ts';
import { Identity } from '../../src/identity/keys.ts';
import {
  CHAIN_STEPS,
  chainSecretOf,
  OwnChain,
  OwnFreshness,
  orderOf,
  ProvenChain,
  previousStep,
  RENEWED_AT,
  serialAhead,
  serialOf,
} from '../../src/mesh/freshness.ts';

const seed = new Uint8Array(32).fill(1);
const { nodeId } = new Identity(seed);
const secret = chainSecretOf(seed);
const own = new OwnChain(nodeId, secret, 1n);

describe('a chain', () => {
  test('has its anchor 4,096 steps before its end', () => {
    expect(CHAIN_STEPS).toBe(4096);
    // golden: computed once with the layout of the page
    expect(toHex(own.step(0))).toBe('338b6c46970c0b70');
  });

  test('of each announce is another one', () => {
    const anchors = [1n, 2n, 3n].map((s) => toHex(new OwnChain(nodeId, secret, s).step(0)));
    expect(new Set(anchors).size).toBe(3);
  });

  test('is hashed towards the anchor, eight bytes a step', () => {
    for (const i of [0, 1, 63, 64, 65, 4095]) {
      expect(own.step(i)).toHaveLength(8);
      expect(toHex(previousStep(nodeId, 1n, own.step(i + 1)))).toBe(toHex(own.step(i)));
    }
    expect(toHex(previousStep(nodeId, 2n, own.step(1)))).not.toBe(toHex(own.step(0)));
  });
});

describe('what is proven of a chain', () => {
  test('counts how far a value is ahead', () => {
    const proven = new ProvenChain(nodeId, 1n, own.step(0));
    expect(proven.order).toBe(orderOf(1n, 0));
    expect(proven.prove(own.step(5), 4096)).toBe(orderOf(1n, 5));
    expect(proven.prove(own.step(7), 4096)).toBe(orderOf(1n, 7));
    expect(proven.prove(own.step(4095), 4096)).toBe(orderOf(1n, 4095));
  });

  test('knows the values just behind, which change nothing', () => {
    const proven = new ProvenChain(nodeId, 1n, own.step(0));
    proven.prove(own.step(20), 4096);
    expect(proven.prove(own.step(12), 4096)).toBe(orderOf(1n, 12));
    expect(proven.order).toBe(orderOf(1n, 20));
  });

  test('is not moved by what is further ahead than may be, by the end of the chain, or by anything else', () => {
    const proven = new ProvenChain(nodeId, 1n, own.step(0));
    expect(proven.prove(own.step(6), 5)).toBeUndefined();
    expect(proven.prove(own.step(4096), 5000)).toBeUndefined();
    expect(proven.prove(new Uint8Array(8), 4096)).toBeUndefined();
    expect(proven.prove(new OwnChain(nodeId, secret, 2n).step(3), 4096)).toBeUndefined();
    expect(proven.order).toBe(orderOf(1n, 0));
  });

  test('recognises, and can say, what is behind the newest by as much as many restarts make, and no more', () => {
    const proven = new ProvenChain(nodeId, 1n, own.step(0));
    proven.prove(own.step(300), 4096);
    for (const step of [299, 283, 45]) {
      expect(proven.prove(own.step(step), 4096)).toBe(orderOf(1n, step));
      expect(toHex(proven.valueOf(orderOf(1n, step)) ?? new Uint8Array(0))).toBe(toHex(own.step(step)));
    }
    expect(proven.prove(own.step(44), 4096)).toBeUndefined();
    expect(proven.valueOf(orderOf(1n, 44))).toBeUndefined();
    expect(proven.valueOf(orderOf(1n, 301))).toBeUndefined();
    expect(proven.order).toBe(orderOf(1n, 300));
  });

  test('is the newest of whatever order they come in', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 }), (steps) => {
        const proven = new ProvenChain(nodeId, 1n, own.step(0));
        let newest = 0;
        for (const s of steps) {
          const order = proven.prove(own.step(s), 4096);
          if (s >= newest) expect(order).toBe(orderOf(1n, s));
          newest = Math.max(newest, s);
        }
        expect(proven.order).toBe(orderOf(1n, newest));
        expect(toHex(proven.valueOf(proven.order) ?? new Uint8Array(0))).toBe(toHex(own.step(newest)));
      }),
    );
  });
});

describe("this node's own position", () => {
  const at = (position: number) => {
    let next = position;
    return new OwnFreshness({
      nodeId,
      chainSecret: secret,
      nextPosition: () => next++,
      skipTo: async (n) => {
        next = n;
      },
    });
  };

  test('goes a step at a time, and on to the next announce at 7/8 of the chain', () => {
    expect(RENEWED_AT).toBe((CHAIN_STEPS * 7) / 8);
    const freshness = at(RENEWED_AT - 1);
    expect([freshness.sequence, freshness.steps]).toEqual([1n, RENEWED_AT - 1]);
    const before = freshness.order;
    expect(freshness.advance()).toBe(true);
    expect([freshness.sequence, freshness.steps]).toEqual([2n, 0]);
    expect(freshness.order).toBeGreaterThan(before);
    expect(toHex(freshness.value)).toBe(toHex(freshness.anchor));
  });

  test('releases what others prove', () => {
    const freshness = at(41);
    const proven = new ProvenChain(nodeId, freshness.sequence, freshness.anchor);
    expect(proven.prove(freshness.value, 4096)).toBe(freshness.order);
  });

  test('stays where the disk does not keep up', () => {
    let full = false;
    let next = 3;
    const nextPosition = () => {
      if (full) throw new StorageFailed('io', 'slow');
      return next++;
    };
    const freshness = new OwnFreshness({ nodeId, chainSecret: secret, nextPosition, skipTo: async () => {} });
    full = true;
    expect(freshness.advance()).toBe(false);
    expect(freshness.steps).toBe(3);
  });
});

test('orders travel as 16 bits, compared serially', () => {
  expect(serialOf(orderOf(17n, 5))).toBe(4096 + 5);
  expect(serialAhead(serialOf(orderOf(16n, 1)), serialOf(orderOf(15n, 4000)))).toBe(97);
  expect(serialAhead(3, 0xffff)).toBe(4);
  expect(serialAhead(0xffff, 3)).toBe(-4);
});
