import type { NeighbourStatus } from '../../api/types.ts';
import { type Command, EXIT, JSON_FLAG } from '../command.ts';
import { columns, duration } from '../format.ts';
import { printable } from '../printable.ts';

/** `nexus neighbours`. */
export const neighbours: Command = {
  name: 'neighbours',
  parameters: [],
  flags: JSON_FLAG,
  summary: 'show who is in earshot, and how good each link is',
  details:
    'ETX is how often a frame and its answer are sent until both arrive: 1 is best. With --json each line is one neighbour.',
  async run({ client, flag, out }) {
    const heard = await client.neighbours();
    if (flag('json')) for (const n of heard) out(printable(JSON.stringify(n)));
    else if (heard.length === 0) out('no neighbours heard');
    else for (const line of columns([HEAD, ...heard.map(neighbourRow)])) out(line);
    return EXIT.ok;
  },
};

const HEAD = ['node', 'name', 'by', 'heard', 'level', 'SNR', 'ETX', 'link'];

/** One neighbour's line, in the columns of the table. */
export function neighbourRow(n: NeighbourStatus): string[] {
  return [
    n.nodeId.slice(0, 8),
    n.name === undefined ? '' : printable(n.name),
    n.medium,
    n.heardMsAgo === undefined ? '' : `${duration(n.heardMsAgo)} ago`,
    n.rssiDbm === undefined ? '' : `${Math.round(n.rssiDbm)} dBm`,
    n.snrDb === undefined ? '' : `${n.snrDb.toFixed(1)} dB`,
    n.etx.toFixed(1),
    n.linked ? 'linked' : '',
  ];
}
