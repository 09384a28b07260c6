/** docs/protocol/mesh.md, "After a restart". */
import { expect, test } from 'vitest';
import { type NodeId, nodeIdFrom } from '../../src/identity/node-id.ts';
import { StartWait } from '../../src/mesh/start-wait.ts';
import { Simulation } from '../simulation.ts';

const id = (n: number) => nodeIdFrom(new Uint8Array(16).fill(n));

test('who is wanted is held until the wait is over, and then looked at once; who is not wanted any more is not', async () => {
  const clock = new Simulation();
  const over: NodeId[] = [];
  const wait: StartWait = new StartWait(clock, 10_000, (n) => {
    expect(wait.hold(n)).toBe(false);
    over.push(n);
  });
  expect([wait.hold(id(1)), wait.hold(id(2)), wait.hold(id(1))]).toEqual([true, true, true]);
  wait.release(id(2));
  await clock.run(9_999);
  expect(over).toEqual([]);
  await clock.run(1);
  expect(over).toEqual([id(1)]);
  expect(wait.hold(id(3))).toBe(false);
  await clock.run(60_000);
  expect(over).toEqual([id(1)]);
});
