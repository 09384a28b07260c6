import type { ItemEntry } from '../../api/types.ts';
import { type Command, EXIT, JSON_FLAG } from '../command.ts';
import { dateAndTime } from '../format.ts';
import { printable, printableLines } from '../printable.ts';

/** `nexus sub`. */
export const sub: Command = {
  name: 'sub',
  parameters: ['TOPIC'],
  flags: { end: 'follow the topic no longer', ...JSON_FLAG },
  summary: 'follow a topic: show what has come of it and what comes, until interrupted',
  details: `TOPIC is a name such as weather/oslo, the beginning of names such as "weather/*", or near: and a label.
The box goes on following it after that, and over restarts: what comes meanwhile is shown the next time. --end ends
it. With --json each line is one text.`,
  async run({ client, values: [topic = ''], flag, out }) {
    if (flag('end')) {
      await client.unsubscribe(topic);
      return EXIT.ok;
    }
    for await (const entry of client.subscribe(topic)) {
      if (flag('json')) out(printable(JSON.stringify(entry)));
      else for (const line of itemLines(entry)) out(line);
    }
    return EXIT.ok;
  },
};

/** When and of which topic, then the text, indented: no text can look like the head of another. */
export function itemLines({ receivedAt, text, topic }: ItemEntry): string[] {
  return [
    `${dateAndTime(receivedAt)}  ${printable(topic)}`,
    ...printableLines(text).map((line) => `  ${line}`),
  ];
}
