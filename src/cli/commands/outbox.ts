import type { OutboxEntry } from '../../api/types.ts';
import { type Command, EXIT, JSON_FLAG } from '../command.ts';
import { columns, dateAndTime } from '../format.ts';
import { printable } from '../printable.ts';

/** `nexus outbox`. */
export const outbox: Command = {
  name: 'outbox',
  parameters: [],
  flags: JSON_FLAG,
  summary: 'show the messages written here and how far each has come',
  details: 'With --json each line is one message.',
  async run({ client, flag, out }) {
    const entries = await client.outbox();
    if (flag('json')) for (const entry of entries) out(printable(JSON.stringify(entry)));
    else if (entries.length === 0) out('no messages');
    else for (const line of columns(entries.map(outboxRow))) out(line);
    return EXIT.ok;
  },
};

/** Much of a text tells which it is; all of it is in the JSON. */
const SHOWN_CHARACTERS = 40;

/** When it was written, its state, to whom, the beginning of the text, and why it waits or failed. */
export function outboxRow(entry: OutboxEntry): string[] {
  const to = entry.name ?? entry.to.slice(0, 8);
  const characters = [...entry.text];
  const text =
    characters.slice(0, SHOWN_CHARACTERS).join('') + (characters.length > SHOWN_CHARACTERS ? '…' : '');
  const detail = entry.history.at(-1)?.detail;
  const written = entry.history[0]?.at;
  return [
    written === undefined ? '' : dateAndTime(written),
    entry.state,
    printable(to),
    printable(text),
    detail === undefined ? '' : `(${printable(detail)})`,
  ];
}
