/** The freshness chain: docs/protocol/mesh.md, "Announce". */
import { expect, test } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { Identity } from '../../src/identity/keys.ts';
import { anchorOf, CHAIN_STEPS, chainSecretOf, previousStep } from '../../src/mesh/freshness.ts';

const seed = new Uint8Array(32).fill(1);
const { nodeId } = new Identity(seed);

test('the anchor is 4,096 steps before the chain ends', () => {
  expect(CHAIN_STEPS).toBe(4096);
  // golden: computed once with the layout of the page
  expect(toHex(anchorOf(nodeId, chainSecretOf(seed), 1n))).toMatchInlineSnapshot(`"338b6c46970c0b70"`);
});

test('each announce has a chain of its own', () => {
  const anchors = [1n, 2n, 3n].map((s) => toHex(anchorOf(nodeId, chainSecretOf(seed), s)));
  expect(new Set(anchors).size).toBe(3);
});

test('one step hashes towards the anchor, eight bytes long', () => {
  const x = previousStep(nodeId, 1n, new Uint8Array(8));
  expect(x).toHaveLength(8);
  expect(toHex(previousStep(nodeId, 2n, new Uint8Array(8)))).not.toBe(toHex(x));
});
