import { describe, expect, test } from 'vitest';
import { amount, columns, counted, dateAndTime, duration, timeOfDay } from '../../src/cli/format.ts';

describe('times and amounts for people', () => {
  test.each([
    [0, '0.00 s'],
    [618, '0.62 s'],
    [12_340, '12.3 s'],
    [61_000, '1 min'],
    [3_600_000 * 3 + 12 * 60_000, '3 h 12 min'],
    [86_400_000 * 2 + 4 * 3_600_000, '2 d 4 h'],
  ])('%d ms is %s', (ms, shown) => {
    expect(duration(ms)).toBe(shown);
  });

  test.each([
    [812, '812 bytes'],
    [3_412, '3.4 kB'],
    [12_000_000, '12.0 MB'],
  ])('%d bytes is %s', (bytes, shown) => {
    expect(amount(bytes)).toBe(shown);
  });

  test('local calendar time', () => {
    const at = new Date(2030, 0, 31, 14, 3, 5, 187).getTime();
    expect(dateAndTime(at)).toBe('2030-01-31 14:03');
    expect(timeOfDay(at)).toBe('14:03:05.1');
  });

  test('one and many', () => {
    expect([counted(1, 'object'), counted(0, 'object')]).toEqual(['1 object', '0 objects']);
  });

  test('columns align by characters, not code units, and leave no trailing blanks', () => {
    expect(
      columns([
        ['a', '😀', 'x'],
        ['bbb', 'cc', ''],
      ]),
    ).toEqual(['a    😀   x', 'bbb  cc']);
  });
});
