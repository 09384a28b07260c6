import type { InboxEntry } from '../../api/types.ts';
import { type Command, EXIT, JSON_FLAG } from '../command.ts';
import { dateAndTime } from '../format.ts';
import { printable, printableLines } from '../printable.ts';

/** `nexus inbox`. */
export const inbox: Command = {
  name: 'inbox',
  parameters: [],
  flags: { follow: 'go on with each message that comes, until interrupted', ...JSON_FLAG },
  summary: 'show the messages that came',
  details: 'With --json each line is one message. nexus inbox remove ID deletes one.',
  async run({ client, flag, out }) {
    const entries = flag('follow') ? client.followInbox() : await client.inbox();
    let none = true;
    for await (const entry of entries) {
      none = false;
      if (flag('json')) out(printable(JSON.stringify(entry)));
      else for (const line of inboxLines(entry)) out(line);
    }
    if (none && !flag('json')) out('no messages');
    return EXIT.ok;
  },
};

/** `nexus inbox remove`. */
export const inboxRemove: Command = {
  name: 'inbox remove',
  parameters: ['ID'],
  flags: {},
  summary: 'delete a message that came',
  details: 'nexus inbox --json shows the ids. Its sender has its receipt: it does not come again.',
  async run({ client, values: [id = ''] }) {
    await client.removeFromInbox(id);
    return EXIT.ok;
  },
};

/** When and from whom, then the text, indented: no text can look like the head of another message. */
export function inboxLines(entry: InboxEntry): string[] {
  const from = entry.name === undefined ? entry.contact : printable(entry.name);
  const text = entry.supported
    ? printableLines(entry.text)
    : ['(a kind of message that this version cannot show)'];
  return [`${dateAndTime(entry.sentAt)}  ${from}`, ...text.map((line) => `  ${line}`)];
}
