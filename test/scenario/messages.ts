/** What scenarios say about messages. */
import type { MessageState, OutboxEntry } from '../../src/node/nexus-node.ts';
import type { Box, World } from '../world.ts';

export const MINUTE = 60_000;

/** States of a message, oldest first. */
export function statesOf(box: Box, id: string): MessageState[] {
  const entry = box.node.outbox().find((m) => m.id === id);
  return (entry?.history ?? []).map((step) => step.state);
}

/** What has arrived, in order. */
export function textsOf(box: Box): string[] {
  return Array.from(box.node.inbox(), (m) => m.text);
}

/** Sends a text and runs until it is delivered, at most two virtual minutes. */
export async function message(world: World, from: Box, to: string, text: string): Promise<OutboxEntry> {
  const sent = await world.settle(from.node.send(to, text));
  await world.sim.until(
    () => statesOf(from, sent.id).at(-1) === 'delivered',
    2 * MINUTE,
    `delivery of ${text}`,
  );
  return sent;
}
