/** Whose transfers are expected, however many offers others make. */
import { describe, expect, test } from 'vitest';
import { AcceptedOffers } from '../../src/store/accepted-offers.ts';
import { CONTENT_TYPE, OBJECT_PRIORITY } from '../../src/store/object.ts';
import { FRESH_TRAVEL } from '../../src/store/parcel.ts';

const IDS = 64;

function accepted(transferId: number, size = 1) {
  const { immutable: contentType } = CONTENT_TYPE;
  const { normal: priority } = OBJECT_PRIORITY;
  const lock = new Uint8Array(16);
  const header = { contentType, priority, minBandwidth: 0, ttl: 213, lock, recipients: [] };
  const offer = {
    transferId,
    objectId: new Uint8Array(8),
    size,
    header: { ...header, travel: FRESH_TRAVEL },
  };
  return { way: 'offer', offer } as const;
}

describe('an accepted offer', () => {
  test('is expected once, and the newest under its transfer id', () => {
    const offers = new AcceptedOffers();
    offers.add('a', accepted(7, 1));
    offers.add('a', accepted(7, 2));
    expect(offers.take('b', 7)).toBeUndefined();
    expect(offers.take('a', 7)?.offer.size).toBe(2);
    expect(offers.take('a', 7)).toBeUndefined();
  });

  test('stays expected where four made-up neighbours make all the offers they can, again and again', () => {
    const offers = new AcceptedOffers();
    offers.add('honest', accepted(0));
    for (let i = 0; i < 10 * IDS; i++)
      for (const made of ['m1', 'm2', 'm3', 'm4']) offers.add(made, accepted(i % IDS));
    expect(offers.take('honest', 0)).toBeDefined();
  });

  test('gives way where its neighbour has the most: the oldest of these', () => {
    const offers = new AcceptedOffers();
    for (let id = 0; id < IDS; id++) for (const one of ['a', 'b', 'c', 'd']) offers.add(one, accepted(id));
    offers.add('e', accepted(0));
    expect(offers.take('a', 0)).toBeUndefined();
    expect(offers.take('a', 1)).toBeDefined();
    for (const one of ['b', 'c', 'd', 'e']) expect(offers.take(one, 0)).toBeDefined();
  });

  test('is forgotten where each of many neighbours has one: the oldest', () => {
    const offers = new AcceptedOffers();
    for (let i = 0; i <= 4 * IDS; i++) offers.add(`n${i}`, accepted(0));
    expect(offers.take('n0', 0)).toBeUndefined();
    expect(offers.take('n1', 0)).toBeDefined();
    expect(offers.take(`n${4 * IDS}`, 0)).toBeDefined();
  });
});
