import { describe, expect, test } from 'vitest';
import type { StoreEntry, StoreView } from '../../src/api/types.ts';
import { store, storeRow, sumLines } from '../../src/cli/commands/store.ts';

const HOUR = 3_600_000;
const none = { objects: 0, bytes: 0 };
const amounts = { held: none, 'handed-on': none, receipted: none, unreadable: none, dropped: none };
const content = { objects: 0, bytes: 0, placedBytes: 0 };
const empty: StoreView = { disk: 'ok', amounts, unpaidBytes: 0, content, entries: [] };

const entry: StoreEntry = {
  n: 1,
  id: '0123456789abcdef',
  state: 'held',
  bytes: 300,
  giver: { nodeId: 'aa'.repeat(16) },
  recipient: { nodeId: 'bb'.repeat(16), name: 'C' },
  since: 0,
  until: 168 * HOUR,
  heldMs: HOUR,
  mayGo: 'unpaid',
  mayGoFrom: 24 * HOUR,
};

describe('the sums', () => {
  test('of an empty store', () => {
    expect(sumLines(empty)).toEqual([
      'disk: ok, there is room',
      'nothing is held or remembered',
      'of strangers, who go first: 0 bytes',
    ]);
  });
  test('show objects by name, and what contacts have placed here', () => {
    expect(sumLines({ ...empty, content: { objects: 2, bytes: 20_000, placedBytes: 4096 } }).at(-1)).toBe(
      'by name, kept until they expire: 2 objects, 20.0 kB, 4.1 kB of them placed by contacts',
    );
  });
  test('show the states in which there is something, and what the disk’s state means', () => {
    const held = { objects: 1, bytes: 300 };
    const receipted = { objects: 2, bytes: 1200 };
    expect(
      sumLines({ ...empty, disk: 'tight', unpaidBytes: 300, amounts: { ...amounts, held, receipted } }),
    ).toEqual([
      'disk: tight, nothing is taken on for strangers, and what they gave goes after a day',
      'held, to be handed on  1 object   300 bytes',
      'delivered              2 objects  1.2 kB',
      'of strangers, who go first: 300 bytes',
    ]);
  });
});

describe('a row', () => {
  test('names contacts, and others by their first digits', () => {
    const row = storeRow(entry);
    expect([row[0], row[1], row[2], row[3], row[4]]).toEqual(['01234567', 'held', '300', 'aaaaaaaa', 'C']);
    expect(row[7]).toMatch(/^for room, from 1970-01-0[12] /);
  });
  test('of something written here, of a contact, of something that is gone', () => {
    const { giver: _, ...own } = entry;
    expect(storeRow({ ...own, mayGo: 'never' })).toMatchObject({ 3: 'this box', 7: 'no' });
    const taker = { nodeId: 'cc'.repeat(16), name: 'relay\u001b' };
    expect(storeRow({ ...entry, state: 'handed-on', taker, mayGo: 'gone' })).toMatchObject({
      1: 'handed on to relay\\u001b',
      7: 'is not here',
    });
    expect(storeRow({ ...entry, mayGo: 'lazy' })[7]).toBe('when the disk is full: it is lazy');
  });
});

describe('nexus store', () => {
  /** A daemon that holds `count` objects, and what the command asked of it. */
  async function run(count: number, ...flags: string[]) {
    const asked: [number, number][] = [];
    const lines: string[] = [];
    const client = {
      store: async (after: number, limit: number): Promise<StoreView> => {
        asked.push([after, limit]);
        const entries = Array.from({ length: count }, (_, i) => ({ ...entry, n: i + 1 })).slice(
          after,
          after + limit,
        );
        const last = entries.at(-1);
        return { ...empty, entries, ...(last && entries.length === limit ? { next: last.n } : {}) };
      },
    };
    const invocation = {
      client,
      values: [],
      flag: (f: string) => flags.includes(f),
      out: (l: string) => lines.push(l),
    };
    await store.run(invocation as never);
    return { asked, lines };
  }

  test('shows the sums and at most twenty, and how to see more', async () => {
    const { asked, lines } = await run(100_000);
    expect(asked).toEqual([[0, 20]]);
    expect(lines.filter((line) => line.startsWith('01234567'))).toHaveLength(20);
    expect(lines.at(-1)).toBe('… and more: nexus store --all');
  });
  test('with --all shows every one, a page at a time', async () => {
    const { asked, lines } = await run(2500, 'all');
    expect(asked).toEqual([
      [0, 1000],
      [1000, 1000],
      [2000, 1000],
    ]);
    expect(lines.filter((line) => line.startsWith('01234567'))).toHaveLength(2500);
  });
  test('with --json gives the sums, then a line for each', async () => {
    const { lines } = await run(2, 'json', 'all');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { disk: 'ok', amounts, unpaidBytes: 0, content },
      { ...entry, n: 1 },
      { ...entry, n: 2 },
    ]);
  });
});
