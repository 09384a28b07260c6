/** docs/protocol/store.md, "NXS-Pub": topics. */
import { describe, expect, test } from 'vitest';
import { deliveryFor } from '../../src/pub/own-topics.ts';
import { pullOrder } from '../../src/pub/puller.ts';
import { type Address, matches, parseAddress, parseTopic, spell } from '../../src/pub/topic.ts';

const oslo: Address = { kind: 'key', name: 'weather/oslo' };

describe('a topic', () => {
  test.each(['weather/oslo', 'weather/*', 'near:market', 'Wetter für Köln'])(
    '%s is written as it is read',
    (text) => {
      expect(spell(parseTopic(text))).toBe(text);
    },
  );

  test.each([
    ['weather/oslo', oslo, true],
    ['weather/*', oslo, true],
    ['weather/osl', oslo, false],
    ['weather/bergen', oslo, false],
    ['near:weather/oslo', oslo, false],
    ['near:market', { kind: 'neighbourhood', name: 'market' } as const, true],
    ['mark*', { kind: 'neighbourhood', name: 'market' } as const, false],
  ])('%s and an item under %o: %s', (topic, address, does) => {
    expect(matches(parseTopic(topic), address)).toBe(does);
  });

  test('that is mail is matched by nothing that was published', () => {
    expect(matches({ kind: 'node' }, oslo)).toBe(false);
  });

  test.each(['', '*', 'near:', 'a*b', 'a\nb', 'x'.repeat(49)])('%j is refused with a sentence', (text) => {
    expect(() => parseTopic(text)).toThrow(/^A topic is a name of 1 to 48 bytes/);
  });

  test('with * is nothing to publish under', () => {
    expect(() => parseAddress('weather/*')).toThrow(/^Publish under one name/);
    expect(parseAddress('near:market')).toEqual({ kind: 'neighbourhood', name: 'market' });
  });
});

test('a fast link has news pushed, a slower one digests, a slow one hints', () => {
  const at = [2e6, 1e6, 999_999, 10_000, 9_999, 300].map(deliveryFor);
  expect(at).toEqual(['push', 'push', 'digest', 'digest', 'pull-hint', 'pull-hint']);
});

test('what waits is asked for by urgency, then by size', () => {
  const id = new Uint8Array(8);
  const items = [
    { id, size: 10, priority: 2 },
    { id, size: 900, priority: 0 },
    { id, size: 20, priority: 1 },
    { id, size: 5, priority: 1 },
  ] as const;
  expect(pullOrder(items).map((i) => i.size)).toEqual([900, 5, 20, 10]);
});
