import type { ApiClient } from '../../api/client.ts';
import type { MessageProgress } from '../../api/types.ts';
import { type Command, EXIT, JSON_FLAG } from '../command.ts';
import { amount, columns, duration, timeOfDay } from '../format.ts';
import { printable } from '../printable.ts';

/** `nexus send`. */
export const send: Command = {
  name: 'send',
  parameters: ['TO', 'TEXT'],
  flags: { wait: 'show each state as it happens, until the message is delivered or expired', ...JSON_FLAG },
  summary: 'write a message',
  details: `TO is a contact's name, a contact code (nxs1…) or the beginning of a node id. TEXT of "-" reads standard
input; a TEXT that begins with a dash goes after "--".
Without --wait, exit code 0 says that the message is stored and will go its way; with it, that it is delivered.
With --wait --json each line is one state.`,
  async run({ client, values: [to = '', text = ''], flag, out, input }) {
    const entry = await client.send({ to, text: text === '-' ? await input() : text });
    if (flag('wait')) return follow(client, entry.id, flag('json'), out);
    const shown = `stored as ${entry.id}; it goes on by itself (nexus outbox)`;
    out(flag('json') ? printable(JSON.stringify(entry)) : shown);
    return EXIT.ok;
  },
};

async function follow(
  client: ApiClient,
  id: string,
  json: boolean,
  out: (line: string) => void,
): Promise<number> {
  let last: MessageProgress | undefined;
  for await (const progress of client.progress(id)) {
    last = progress;
    out(json ? printable(JSON.stringify({ id, ...progress })) : progressLine(progress));
  }
  return last?.state === 'delivered' ? EXIT.ok : EXIT.failed;
}

const WIDEST = 'in custody';

/** `14:03:05.1  in custody  0.62 s on air, 238 bytes  waits for …` */
export function progressLine(progress: MessageProgress): string {
  const { state, at, airtimeMs, bytesOnAir, detail } = progress;
  const cells = [timeOfDay(at), state.padEnd(WIDEST.length)];
  if (airtimeMs !== undefined && airtimeMs > 0)
    cells.push(`${duration(airtimeMs)} on air${bytesOnAir === undefined ? '' : `, ${amount(bytesOnAir)}`}`);
  if (detail !== undefined) cells.push(printable(detail));
  return columns([cells]).join('');
}
