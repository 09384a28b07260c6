/** Everything at once, from a seed: whatever happened, the radios work again afterwards. */
import { expect, test } from 'vitest';
import { BUSY_PI } from '../../../drivers/sim/host.ts';
import { RadioFault } from '../../../drivers/sx127x/radio.ts';
import { Register } from '../../../drivers/sx127x/registers.ts';
import { below, type Random } from '../../../src/core/random.ts';
import { type Box, EU868, payload, Roof } from './roof.ts';

const MISCHIEF: ((box: Box, random: Random) => void)[] = [
  (box) => box.chip.brownOut(),
  (box) => {
    box.chip.faults.interruptsToLose = 3;
  },
  (box) => {
    box.chip.faults.endlessTransmit = 'until-reset';
  },
  (box) => {
    box.chip.faults.stuckMode = 'until-reset';
  },
  (box) => {
    box.chip.faults.bus = 'noise';
  },
  (box) => {
    box.chip.faults.bus = 'failing';
  },
  (box) => {
    box.chip.faults.bus = 'off';
  },
  (box, random) => {
    box.garbled = 1 + below(random, 5);
  },
  (box, random) => box.poke(Register.FrfMsb + below(random, 0x40), below(random, 256)),
  (box) => box.poke(Register.OpMode, 0x80),
];

test.each([
  [1, ['reset', 'dio0']],
  [2, ['reset', 'dio0']],
  [3, ['dio0']],
  [4, []],
  [5, ['reset', 'dio0']],
] as const)('seed %i, lines %j', async (seed, lines) => {
  const roof = new Roof(`storm ${seed}`);
  const { simulation } = roof;
  const random = simulation.random.fork('mischief');
  const boxes = await roof.boxes(['A', 'B'], EU868, { host: BUSY_PI, lines });
  const running: Promise<unknown>[] = [];
  const use = (operation: Promise<unknown>) =>
    running.push(
      operation.catch((e) => {
        if (!(e instanceof RadioFault)) throw e;
      }),
    );
  for (let i = 0; i < 300; i++) {
    const box = boxes[below(random, 2)] as Box;
    if (below(random, 4) === 0)
      (MISCHIEF[below(random, MISCHIEF.length)] as (typeof MISCHIEF)[0])(box, random);
    if (below(random, 2) === 0) use(box.radio.transmit(payload(1 + below(random, 255))));
    if (below(random, 3) === 0) use(box.radio.channel());
    if (below(random, 5) === 0) use(box.radio.detect());
    await simulation.run(below(random, 2000));
  }
  for (const { chip } of boxes)
    Object.assign(chip.faults, { bus: 'off', stuckMode: 'off', endlessTransmit: 'off' });
  await simulation.resolve(Promise.all(running), 120_000, 'every operation');
  // the rarest retry, and three looks
  await simulation.run(65_000);
  const [a, b] = boxes;
  for (const box of boxes) {
    box.chip.faults.interruptsToLose = 0;
    box.garbled = 0;
    expect(box.counters.get('radio.reset')).toBeGreaterThan(0);
  }
  const received = [a.frames.length, b.frames.length] as const;
  await a.transmit(payload(20));
  await simulation.run(1100);
  await b.transmit(payload(30));
  await simulation.run(1100);
  expect([a.frames.length - received[0], b.frames.length - received[1]]).toEqual([1, 1]);
});
