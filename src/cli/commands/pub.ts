import { type Command, EXIT, JSON_FLAG } from '../command.ts';
import { printable } from '../printable.ts';

/** `nexus pub`. */
export const pub: Command = {
  name: 'pub',
  parameters: ['TOPIC', 'TEXT'],
  flags: JSON_FLAG,
  summary: 'publish a text for whoever follows a topic',
  details: `TOPIC is a name such as weather/oslo, or near: and a label. TEXT of "-" reads standard input; a TEXT that
begins with a dash goes after "--". It is not encrypted: whoever hears of it can read it. Relays in earshot keep it
for a day.`,
  async run({ client, values: [topic = '', text = ''], flag, out, input }) {
    const published = await client.publish({ topic, text: text === '-' ? await input() : text });
    out(flag('json') ? printable(JSON.stringify(published)) : `published as ${published.id}`);
    return EXIT.ok;
  },
};
