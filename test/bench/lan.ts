/** Messages per second between two boxes on the LAN (loopback), each durable at both ends and receipted. */
import { LanBoxes } from '../lan-boxes.ts';
import { english } from './texts.ts';

const WARM_UP = 50;
const ONE_BY_ONE = 300;
const TOGETHER = 1000;

export interface LanRates {
  /** Each sent when the one before was delivered. */
  readonly oneByOne: number;
  /** All written at once. */
  readonly together: number;
}

export async function lanRates(): Promise<LanRates> {
  const boxes = new LanBoxes();
  try {
    const a = await boxes.box('a');
    const b = await boxes.box('b', a);
    await a.linkedTo(b);
    const deliver = (i: number) => a.deliver(b, `${i} ${english(90)}`);
    for (let i = 0; i < WARM_UP; i++) await deliver(i);
    const oneByOne = await rate(ONE_BY_ONE, async () => {
      for (let i = 0; i < ONE_BY_ONE; i++) await deliver(i);
    });
    const together = await rate(TOGETHER, () =>
      Promise.all(Array.from({ length: TOGETHER }, (_, i) => deliver(i))),
    );
    return { oneByOne, together };
  } finally {
    await boxes.end();
  }
}

async function rate(count: number, run: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await run();
  return (1000 * count) / (performance.now() - began);
}
