/**
 * Somebody who repeats what a far node once said of itself, word for word, to those who cannot hear that node: its
 * announce and its beacons are genuine, and still it is not there. docs/protocol/mesh.md, "Links", "Next hop".
 */
import { afterEach, expect, test } from 'vitest';
import { KIND } from '../../../src/link/frame.ts';
import { World } from '../../world.ts';
import { MINUTE, textsOf } from '../messages.ts';
import { AirLog, HOUR } from './air-log.ts';
import { lawlessMedium } from './liar.ts';
import { isDelivered, waitFor, write } from './waiting.ts';

let world: World;
afterEach(() => world.end());

test.each([1, 2])(
  'an echo of a node two hops away: mail goes the real way, and few tries go to the echo (seed %i)',
  async (seed) => {
    world = new World({ seed, apart: true });
    const air = new AirLog(world.air);
    const [a, b, d] = await world.boxes('a', 'b', 'd');
    world.join(a, b);
    world.join(b, d);
    await world.sim.run(2 * HOUR);
    const said = (kind: number) => air.frames.filter((f) => f.from === 'd' && f.kind === kind).at(-1)?.bytes;
    const words = [said(KIND.announce), said(KIND.beacon)].filter((w) => w !== undefined);
    expect(words).toHaveLength(2);
    const echo = await lawlessMedium(world, 'echo', [a]);
    const repeat = () => {
      for (const frame of words) {
        const frames = [frame];
        const estimatedBytes = frame.length;
        void echo.submit({ priority: 0, fairnessKey: undefined, estimatedBytes, next: () => frames.shift() });
      }
      world.sim.after(2 * MINUTE, repeat);
    };
    repeat();
    const at = world.sim.monotonic();
    await world.sim.run(MINUTE);
    // a takes it for a neighbour, as it must: nothing was forged
    expect(a.node.neighbours().map((n) => n.nodeId)).toContain(d.node.identity().nodeId);
    const times: number[] = [];
    for (let i = 0; i < 8; i++) {
      const letter = await write(world, a, d, `letter ${i}`);
      times.push(await waitFor(world, () => isDelivered(letter), HOUR, 'delivery'));
      await world.sim.run(15 * MINUTE);
    }
    expect(textsOf(d)).toHaveLength(8);
    expect(a.node.neighbours().find((n) => n.nodeId === d.node.identity().nodeId)?.linked).toBe(false);
    const handshakes = air.frames.filter((f) => f.from === 'a' && f.kind === KIND.handshake && f.at > at);
    // two hops at SF7
    expect(Math.max(...times)).toBeLessThan(10_000);
    // attempts at a link, ever more rarely; none for the letters
    expect(handshakes.length).toBeLessThan(20);
  },
);
