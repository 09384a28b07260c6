/** How full the channel is, as far as it is known here (docs/protocol/mesh.md, "Budget"). */
import type { NodeId } from '../identity/node-id.ts';
import type { Heard } from './earshot.ts';

/** One that says it hears more than this many would silence its neighbours. */
const MOST_BELIEVED = 32;
/** Who is not linked, and could be anybody, is believed so many beside twice as many as are heard here. */
const STRANGER_HEARS = 4;

/** How many nodes share the channel where it is fullest, of what is heard and what those who are `up` say of themselves. */
export function fullest(up: readonly Heard[], isLinked: (id: NodeId) => boolean): number {
  let most = up.length;
  for (const { hears, nodeId } of up) {
    if (hears <= most) continue;
    const believed = isLinked(nodeId)
      ? MOST_BELIEVED
      : Math.min(MOST_BELIEVED, 2 * up.length + STRANGER_HEARS);
    most = Math.max(most, Math.min(hears, believed));
  }
  return most;
}
