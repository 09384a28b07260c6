import type { StoreEntry, StoreParty, StoreView } from '../../api/types.ts';
import { type Command, EXIT, JSON_FLAG } from '../command.ts';
import { amount, columns, counted, dateAndTime } from '../format.ts';
import { printable } from '../printable.ts';

/** Without --all. */
const SHOWN = 20;
/** With --all, at a time: columns are aligned within so many. */
const PAGE = 1000;

/** `nexus store`. */
export const store: Command = {
  name: 'store',
  parameters: [],
  flags: { ...JSON_FLAG, all: `show every object, not only the first ${SHOWN}` },
  summary: 'show what the box holds, who asked for it, until when, and what may be dropped',
  details:
    'Dropped are, to make room: what has expired; what strangers gave, after a day; where the disk is full, what they ' +
    'call lazy. What contacts gave and what was written here is not. With --json the first line is the sums, and each ' +
    'other line one object.',
  async run({ client, flag, out }) {
    const all = flag('all');
    let view = await client.store(0, all ? PAGE : SHOWN);
    if (flag('json')) {
      const { entries: _, ...sums } = view;
      out(printable(JSON.stringify(sums)));
    } else for (const line of sumLines(view)) out(line);
    for (;;) {
      if (flag('json')) for (const entry of view.entries) out(printable(JSON.stringify(entry)));
      else if (view.entries.length > 0)
        for (const line of ['', ...columns([HEAD, ...view.entries.map(storeRow)])]) out(line);
      if (!all || view.next === undefined) break;
      view = await client.store(view.next, PAGE);
    }
    if (!all && view.next !== undefined && !flag('json')) out('… and more: nexus store --all');
    return EXIT.ok;
  },
};

const STATES = [
  ['held', 'held, to be handed on'],
  ['handed-on', 'handed on, no receipt yet'],
  ['receipted', 'delivered'],
  ['unreadable', 'could not be opened'],
  ['dropped', 'dropped to make room, or lost'],
] as const;

/** The sums for people: each state in which there is something, and what may go. */
export function sumLines({ amounts, content, disk, unpaidBytes }: StoreView): string[] {
  const rows = STATES.filter(([state]) => amounts[state].objects > 0).map(([state, what]) => [
    what,
    counted(amounts[state].objects, 'object'),
    amount(amounts[state].bytes),
  ]);
  const sums = rows.length === 0 ? ['nothing is held or remembered'] : columns(rows);
  const placed = content.placedBytes > 0 ? `, ${amount(content.placedBytes)} of them placed by contacts` : '';
  const named =
    content.objects > 0
      ? [
          `by name, kept until they expire: ${counted(content.objects, 'object')}, ${amount(content.bytes)}${placed}`,
        ]
      : [];
  return [`disk: ${DISK[disk]}`, ...sums, `of strangers, who go first: ${amount(unpaidBytes)}`, ...named];
}

const DISK = {
  ok: 'ok, there is room',
  tight: 'tight, nothing is taken on for strangers, and what they gave goes after a day',
  full: 'full, nothing is taken on for others; mail of your own still fits',
  failed: 'failed, nothing can be written; nexus status says what to do',
} as const;

const HEAD = ['object', 'state', 'bytes', 'given by', 'for', 'since', 'until', 'may be dropped'];

/** One object's line, in the columns of the table. */
export function storeRow(e: StoreEntry): string[] {
  return [
    e.id.slice(0, 8),
    e.taker ? `handed on to ${called(e.taker)}` : e.state,
    String(e.bytes),
    e.giver ? called(e.giver) : 'this box',
    called(e.recipient),
    dateAndTime(e.since),
    dateAndTime(e.until),
    mayGo(e),
  ];
}

function called({ name, nodeId }: StoreParty): string {
  return name === undefined ? nodeId.slice(0, 8) : printable(name);
}

function mayGo({ mayGo: kind, mayGoFrom = 0 }: StoreEntry): string {
  switch (kind) {
    case 'never':
      return 'no';
    case 'gone':
      return 'is not here';
    case 'unpaid':
      return `for room, from ${dateAndTime(mayGoFrom)}`;
    case 'lazy':
      return 'when the disk is full: it is lazy';
  }
}
