import { type Command, EXIT, JSON_FLAG } from '../command.ts';
import { printable } from '../printable.ts';

/** `nexus id`: who this box is. */
export const id: Command = {
  name: 'id',
  parameters: [],
  flags: { qr: 'draw the contact code to be scanned', ...JSON_FLAG },
  summary: "show this box's contact code",
  details: 'Others write to this box after adding the code that begins with nxs1 as a contact.',
  async run({ client, flag, out }) {
    const identity = await client.identity();
    if (flag('json')) out(printable(JSON.stringify(identity)));
    else {
      out(identity.contact);
      out(`node ${identity.nodeId}`);
    }
    if (flag('qr')) out(await drawn(identity.contact));
    return EXIT.ok;
  },
};

/** Upper case is the same code and needs a smaller picture. */
async function drawn(contact: string): Promise<string> {
  const { default: encodeQR } = await import('qr');
  return encodeQR(contact.toUpperCase(), 'ascii', { ecc: 'medium' }).trimEnd();
}
