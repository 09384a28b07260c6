import { expect, test } from 'vitest';
import { Agenda } from '../../../drivers/sim/agenda.ts';
import { type Clock, sleepOn } from '../../../src/core/clock.ts';
import { Simulation } from '../../simulation.ts';

test('runs in order of time, then of asking, each with its own time', async () => {
  const s = new Simulation();
  const agenda = new Agenda(s);
  const ran: string[] = [];
  agenda.at(5, (t) => ran.push(`b${t}`));
  agenda.at(2.5, (t) => ran.push(`a${t}`));
  agenda.at(5, (t) => ran.push(`c${t}`));
  agenda.at(5, () => ran.push('cancelled'))();
  await s.run(10);
  expect(ran).toEqual(['a2.5', 'b5', 'c5']);
});

test('entries of the same moment share one timer', async () => {
  const s = new Simulation();
  const agenda = new Agenda(s);
  for (let i = 0; i < 100; i++) agenda.at(7, () => {});
  await s.run(10);
  expect(s.events).toBe(1);
});

test('what a late timer has missed happens before the next look, also what it causes', async () => {
  const s = new Simulation();
  let now = 0;
  const late: Clock = {
    monotonic: () => now,
    wall: () => s.wall(),
    after: (ms, run) => s.after(ms + 20, run),
    sleep: (ms, signal) => sleepOn((t, run) => late.after(t, run), ms, signal),
  };
  const agenda = new Agenda(late);
  const ran: number[] = [];
  agenda.at(3, () => {
    ran.push(3);
    agenda.at(4, () => ran.push(4));
  });
  agenda.at(6, () => ran.push(6));
  now = 5;
  agenda.catchUp();
  expect(ran).toEqual([3, 4]);
  now = 50;
  await s.run(50);
  expect(ran).toEqual([3, 4, 6]);
});

test('a timer that comes early is set again', async () => {
  const s = new Simulation();
  const early: Clock = {
    monotonic: () => s.monotonic(),
    wall: () => s.wall(),
    after: (ms, run) => s.after(Math.max(Math.floor(ms), 1), run),
    sleep: (ms, signal) => sleepOn((t, run) => early.after(t, run), ms, signal),
  };
  const agenda = new Agenda(early);
  let at = 0;
  agenda.at(2.7, () => {
    at = s.monotonic();
  });
  await s.run(10);
  expect(at).toBe(3);
});
