/** docs/protocol/link.md, "The law": what strangers may make a box send. */
import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/identity/node-id.ts';
import { firstByte, KIND } from '../../src/link/frame.ts';
import { RECORD } from '../../src/link/records.ts';
import { StrangersAir } from '../../src/link/strangers-air.ts';
import { Simulation } from '../simulation.ts';
import { Stations } from './stations.ts';

const HOUR = 3_600_000;
const ALLOWED = 360_000;
const contact = new Uint8Array(16).fill(1) as NodeId;
const stranger = new Uint8Array(16).fill(2) as NodeId;

function scene(limit: { readonly allowedMs: number | undefined } = { allowedMs: ALLOWED }) {
  const clock = new Simulation();
  const law = { usedMs: 0, ...limit };
  const air = new StrangersAir({ law: () => law, isContact: (id) => id === contact, clock });
  return { air, clock, law };
}

describe('strangers', () => {
  test('use what they like while the box has been on air for less than half of what the law allows', () => {
    const { air, law } = scene();
    air.spend(ALLOWED / 3);
    law.usedMs = ALLOWED / 2 - 1;
    expect(air.isOpen).toBe(true);
    law.usedMs = ALLOWED / 2;
    expect(air.isOpen).toBe(false);
  });
  test('beyond that have a tenth of it in any hour, all together', async () => {
    const { air, clock, law } = scene();
    law.usedMs = ALLOWED;
    air.answered(stranger, ALLOWED / 10 - 1);
    expect(air.isOpen).toBe(true);
    air.spend(1);
    expect([air.isOpen, air.mayAnswer(stranger)]).toEqual([false, false]);
    await clock.run(HOUR);
    expect(air.isOpen).toBe(true);
  });
  test('are no contacts: those are answered whatever it costs', () => {
    const { air, law } = scene();
    law.usedMs = ALLOWED;
    air.answered(contact, ALLOWED);
    expect(air.isOpen).toBe(true);
    air.answered(stranger, ALLOWED);
    expect(air.mayAnswer(contact)).toBe(true);
  });
  test('have a tenth of an hour where the law sets no duty cycle', () => {
    const { air, law } = scene({ allowedMs: undefined });
    law.usedMs = HOUR / 2;
    air.spend(HOUR / 10);
    expect(air.isOpen).toBe(false);
    law.usedMs = HOUR / 4;
    expect(air.isOpen).toBe(true);
  });
});

test('what is answered too late for its window is theirs as well', async () => {
  const stations = new Stations('late');
  const b = await stations.station('b');
  const law = { usedMs: 0, allowedMs: Number.POSITIVE_INFINITY };
  const strangers = new StrangersAir({ law: () => law, isContact: () => false, clock: stations.sim });
  const a = await stations.station('a', { strangers });
  await stations.resolve(b.to(a).send({ type: RECORD.hello, body: new Uint8Array(0) }, { priority: 1 }));
  await stations.sim.run(HOUR);
  const receipt = Uint8Array.of(firstByte(KIND.receipt), ...new Uint8Array(16));
  a.link.onRecord(RECORD.push, async ({ replyLoose }) => {
    await stations.sim.sleep(1_000);
    replyLoose(receipt);
  });
  stations.frames.length = 0;
  await stations.resolve(b.to(a).send({ type: RECORD.push, body: new Uint8Array(9) }, { priority: 1 }));
  await stations.sim.run(5_000);
  const said = stations.frames.filter((f) => f.from === 'a');
  expect(said.map((f) => f.bytes.length)).toEqual([24, receipt.length]);
  const airtime = said.reduce((sum, f) => sum + f.endedAt - f.startedAt, 0);
  law.usedMs = 20 * airtime;
  law.allowedMs = 10 * (airtime + 1);
  expect(strangers.isOpen).toBe(true);
  law.allowedMs = 10 * (airtime - 1);
  expect(strangers.isOpen).toBe(false);
});
