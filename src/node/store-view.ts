/** What the store holds, as the plain JSON that people and programs see. */
import { toHex } from '../core/bytes.ts';
import type { DiskState } from '../db/disk-state.ts';
import { type NodeId, nodeIdFromKey, nodeIdKey } from '../identity/node-id.ts';
import type { Inventory, InventoryItem } from '../store/inventory.ts';
import { shortIdOf } from '../store/object.ts';
import type { StoreEntry, StoreParty, StoreView } from './nexus-node.ts';

/** The contact's name for a node, where there is one. */
type NameOfNode = (id: NodeId) => string | undefined;

/** `limit` of the page that `inventory` is; `wallNow` is the box's calendar time, ms since 1970. */
export function storeView(
  inventory: Inventory,
  limit: number,
  disk: DiskState,
  wallNow: number,
  nameOf: NameOfNode,
  content: StoreView['content'],
): StoreView {
  const { amounts, items, unpaidBytes } = inventory;
  const last = items.at(-1);
  return {
    disk,
    amounts: Object.fromEntries(
      [...amounts].map(([state, amount]) => [state, { ...amount }]),
    ) as StoreView['amounts'],
    unpaidBytes,
    content,
    entries: items.map((item) => storeEntry(item, wallNow, nameOf)),
    ...(last && items.length === limit ? { next: last.n } : {}),
  };
}

function storeEntry(item: InventoryItem, wallNow: number, nameOf: NameOfNode): StoreEntry {
  const { dispensable, giver, heldMs, id, leftMs, n, recipient, sinceMs, size, state, taker } = item;
  return {
    ...{ n, state, bytes: size, mayGo: dispensable.mayGo },
    id: toHex(shortIdOf(id)),
    ...(giver ? { giver: party(giver, nameOf) } : {}),
    recipient: party(recipient, nameOf),
    ...(taker === undefined ? {} : { taker: party(nodeIdFromKey(taker), nameOf) }),
    since: Math.round(wallNow - sinceMs),
    until: Math.round(wallNow + leftMs),
    heldMs: Math.round(heldMs),
    ...('inMs' in dispensable ? { mayGoFrom: Math.round(wallNow + dispensable.inMs) } : {}),
  };
}

function party(id: NodeId, nameOf: NameOfNode): StoreParty {
  const name = nameOf(id);
  return { nodeId: nodeIdKey(id), ...(name === undefined ? {} : { name }) };
}
