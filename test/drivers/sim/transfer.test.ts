import { expect, test } from 'vitest';
import { bench, Probe } from './bench.ts';

test('a packet goes from FIFO to FIFO in its time on air (DS31, DS38–41)', async () => {
  const b = bench();
  const [a, c] = [new Probe(b, 'A'), new Probe(b, 'B')];
  await a.configure();
  await c.configure();
  c.listen();
  await b.simulation.run(5);
  const payload = Uint8Array.from({ length: 20 }, (_, i) => i);
  const start = b.simulation.monotonic();
  a.write(0x40, 0x40); // DIO0: TxDone
  a.send(payload);
  await b.simulation.until(() => a.chip.level(0) === 1, 1000);
  // SF7, 125 kHz: 8 + 4.25 preamble, 8 + ceil((160 - 28 + 28 + 16) / 28) * 5 = 43 symbols of 1.024 ms
  expect(b.simulation.monotonic() - start).toBeCloseTo(55.25 * 1.024 + 0.12, 6);
  expect(c.read(0x12)).toBe(0x50);
  expect(c.packet()).toEqual(payload);
});
