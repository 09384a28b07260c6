import type { RouteEntry } from '../../api/types.ts';
import { type Command, EXIT, JSON_FLAG } from '../command.ts';
import { columns, counted, duration } from '../format.ts';
import { printable } from '../printable.ts';

/** `nexus routes`. */
export const routes: Command = {
  name: 'routes',
  parameters: [],
  flags: JSON_FLAG,
  summary: 'show which nodes are known, and through whom each would be reached now',
  details: `Airtime is what one message and its answers are expected to take on the way. Of a node that is away, the way
to its mailbox is shown; where the next box on the way is away, mail waits for that. With --json each line is one node.`,
  async run({ client, flag, out }) {
    const known = await client.routes();
    if (flag('json')) for (const r of known) out(printable(JSON.stringify(r)));
    else if (known.length === 0) out('no other nodes known');
    else for (const line of columns([HEAD, ...known.map(routeRow)])) out(line);
    return EXIT.ok;
  },
};

const HEAD = ['node', 'name', 'through', 'hops', 'airtime', 'besides'];

/** One node's line, in the columns of the table. */
export function routeRow({ alternatives, awaited, name, next, nodeId }: RouteEntry): string[] {
  const node = [nodeId.slice(0, 8), name === undefined ? '' : printable(name)];
  if (!next) return [...node, awaited ? `waits for ${viaOf(awaited)}` : 'no route'];
  const via = viaOf(next);
  const isDirect = next.via === nodeId;
  const besides = alternatives === 0 ? '' : counted(alternatives, 'route');
  if (next.away) return [...node, isDirect ? 'kept here' : via, String(next.hops), 'away', besides];
  return [...node, isDirect ? 'direct' : via, String(next.hops), duration(next.airtimeMs), besides];
}

function viaOf({ via, viaName }: { readonly via: string; readonly viaName?: string }): string {
  return viaName === undefined ? via.slice(0, 8) : printable(viaName);
}
