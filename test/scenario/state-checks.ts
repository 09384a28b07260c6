/** What must hold in a mesh at every moment, looked up in the boxes themselves. */

import { nodeIdKey } from '../../src/identity/node-id.ts';
import { PER_PRIORITY } from '../../src/link/lora/queue.ts';
import type { Box } from '../world.ts';

/** Loops among the next hops of boxes that are on: there must be none (RFC 8966 §2.4). */
export function loops(boxes: readonly Box[]): string[] {
  const next = new Map<string, Map<string, string>>();
  for (const box of boxes) {
    const mine = nodeIdKey(box.nodeId);
    for (const { nodeId, next: hop } of box.node.routes()) {
      if (!hop || hop.via === nodeId) continue;
      const to = next.get(nodeId) ?? new Map<string, string>();
      next.set(nodeId, to.set(mine, hop.via));
    }
  }
  const found: string[] = [];
  for (const [target, hops] of next)
    for (const start of hops.keys()) {
      const path = new Set([start]);
      for (let at = hops.get(start); at !== undefined && at !== target; at = hops.get(at)) {
        if (path.has(at)) {
          found.push(
            `a loop towards ${target.slice(0, 8)}: ${[...path].map((p) => p.slice(0, 8)).join(' ')}`,
          );
          break;
        }
        path.add(at);
      }
    }
  return found;
}

/** Queues and stores that hold more than they may. */
export function overflows(boxes: readonly Box[]): string[] {
  return boxes.flatMap((box) => {
    const { store } = box.node.status();
    const queued = Math.max(...box.medium.status.queue.waiting);
    return [
      ...(queued > PER_PRIORITY.entries ? [`${box.name} has ${queued} frames of one priority waiting`] : []),
      ...(store.bytes > box.maxStoreBytes ? [`${box.name} holds ${store.bytes} bytes`] : []),
    ];
  });
}
