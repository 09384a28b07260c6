/** Real daemons on one air, killed with `kill -9` while messages are under way: nothing stored is lost, nothing comes twice. */
import { afterEach, describe, expect, test } from 'vitest';
import { SeededRandom, uniform } from '../../src/core/random.ts';
import { type Box, type Running, Town } from '../demo/processes.ts';

/** A message is on its way for about half a second at SF7: kills fall before, into and behind it. */
const FAST = 'spreading_factor = 7';
const ROUNDS = 4;

let town: Town;
afterEach(() => town.end());

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function textsOf(box: Box): Promise<string[]> {
  const { stdout } = await box.nexus(['inbox', '--json']);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => (JSON.parse(line) as { text: string }).text);
}

describe.each(['the sender', 'the recipient'])('%s killed', (victimName) => {
  test('at random moments, again and again', async () => {
    town = new Town();
    await town.startAir();
    const [a, b] = [town.box('A'), town.box('B')];
    const daemons = new Map<Box, Running>();
    for (const box of [a, b]) {
      box.configure(FAST);
      daemons.set(box, await box.start());
    }
    const code = (await b.nexus(['id'])).stdout.split('\n')[0] ?? '';
    await a.nexus(['contact', 'add', 'B', code]);
    const victim = victimName === 'the sender' ? a : b;
    const random = new SeededRandom(victimName);
    const stored: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const text = `round ${round} ${'.'.repeat(150 * round)}`;
      const sending = a.nexus(['send', 'B', text]).then((r) => {
        if (r.code === 0) stored.push(text);
      });
      await pause(100 + 1_200 * uniform(random));
      await daemons.get(victim)?.stop('SIGKILL');
      await sending;
      daemons.set(victim, await victim.start());
    }
    expect(stored.length).toBeGreaterThan(0);
    const last = await a.nexus(['send', 'B', 'the end', '--wait']);
    expect(last.code).toBe(0);
    await expect
      .poll(async () => (await textsOf(b)).length, { timeout: 90_000, interval: 500 })
      .toBeGreaterThan(stored.length);
    const texts = await textsOf(b);
    for (const text of [...stored, 'the end'])
      expect(
        texts.filter((t) => t === text),
        text,
      ).toHaveLength(1);
    expect(new Set(texts).size).toBe(texts.length);
  }, 180_000);
});
