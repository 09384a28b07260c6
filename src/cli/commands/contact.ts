import { type Command, EXIT, JSON_FLAG } from '../command.ts';
import { columns } from '../format.ts';
import { printable } from '../printable.ts';

/** `nexus contact add`. */
export const contactAdd: Command = {
  name: 'contact add',
  parameters: ['NAME', 'CODE'],
  flags: JSON_FLAG,
  summary: 'give a name to the box with this contact code (nxs1…)',
  async run({ client, values: [name = '', code = ''], flag, out }) {
    const entry = await client.addContact({ name, contact: code });
    out(flag('json') ? printable(JSON.stringify(entry)) : `${printable(entry.name)} is node ${entry.nodeId}`);
    return EXIT.ok;
  },
};

/** `nexus contact list`. */
export const contactList: Command = {
  name: 'contact list',
  parameters: [],
  flags: JSON_FLAG,
  summary: 'show all contacts',
  details: 'With --json each line is one contact.',
  async run({ client, flag, out }) {
    const entries = await client.contacts();
    if (flag('json')) for (const entry of entries) out(printable(JSON.stringify(entry)));
    else if (entries.length === 0) out('no contacts; add one with: nexus contact add NAME CODE');
    else for (const line of columns(entries.map((e) => [printable(e.name), e.contact]))) out(line);
    return EXIT.ok;
  },
};

/** `nexus contact remove`. */
export const contactRemove: Command = {
  name: 'contact remove',
  parameters: ['NAME'],
  flags: {},
  summary: 'forget a contact; messages stay',
  async run({ client, values: [name = ''] }) {
    await client.removeContact(name);
    return EXIT.ok;
  },
};
