/** How full the channel is, as far as it is known here (docs/protocol/mesh.md, "Budget"). */
import type { NodeId } from '../identity/node-id.ts';
import type { Heard } from './earshot.ts';

/** One that says it hears more than this many would silence its neighbours. */
const MOST_BELIEVED = 32;
/** Who is not linked, and could be anybody, is believed so many beside twice as many as are heard here. */
const STRANGER_HEARS = 4;

/** How many nodes share the channel where it is fullest, of what is heard and what those who are `up` say of themselves. */
export function fullest(up: readonly Heard[], isLinked: (id: NodeId) => boolean): number {
  const ofStrangers = 2 * up.length + STRANGER_HEARS;
  let most = up.length;
  for (const { hears, nodeId } of up) {
    const said = Math.min(hears, MOST_BELIEVED);
    if (said <= most) continue;
    // every decision about the budget asks for this: who is linked matters only where it makes a difference
    const isBelieved = said <= ofStrangers || isLinked(nodeId);
    most = Math.max(most, isBelieved ? said : ofStrangers);
  }
  return most;
}
