/** ETX of one link. */
import { expect, test } from 'vitest';
import { ANSWER_FRAME, LinkMeter, MESSAGE_FRAME } from '../../src/mesh/link-meter.ts';

const BEACON = 21;
const EXCHANGE = MESSAGE_FRAME + ANSWER_FRAME;

/** Exchanges of one length, reported one by one as a link counts them. */
function exchanges(meter: LinkMeter, bytes = EXCHANGE) {
  let [asked, answered] = [0, 0];
  return (isAnswered: boolean) => {
    asked++;
    if (isAnswered) answered++;
    meter.exchanged({ asked, answered, answeredBytes: answered * bytes });
  };
}

test('a new link is thought good', () => {
  expect(new LinkMeter().etx).toBe(1);
});

test('what is heard stands for both ways until frames are exchanged', () => {
  const meter = new LinkMeter();
  for (let i = 0; i < 40; i++) meter.heard(1, BEACON);
  expect(meter.etx).toBe(1);
  meter.heard(2, BEACON);
  expect(meter.etx).toBeGreaterThan(1.1);
  expect(meter.etx).toBeLessThan(1.5);
});

test('where every other beacon is lost, hardly a message of eight times the length arrives', () => {
  const meter = new LinkMeter();
  for (let i = 0; i < 40; i++) meter.heard(2, BEACON);
  expect(meter.etx).toBe(16);
});

test('digests as long as messages say what becomes of messages', () => {
  const meter = new LinkMeter();
  for (let i = 0; i < 40; i++) meter.heard(2, EXCHANGE);
  expect(meter.etx).toBeGreaterThan(1.8);
  expect(meter.etx).toBeLessThan(2.2);
});

test('exchanges count for more: one in two answered is an ETX of two', () => {
  const meter = new LinkMeter();
  const exchanged = exchanges(meter);
  for (let i = 0; i < 100; i++) exchanged(i % 2 === 0);
  expect(meter.etx).toBeGreaterThan(1.8);
  expect(meter.etx).toBeLessThan(2.2);
});

test('short exchanges that arrive vouch less for long ones than those that are lost speak against them', () => {
  const [short, long] = [new LinkMeter(), new LinkMeter()];
  const [exchangedShort, exchangedLong] = [exchanges(short, 40), exchanges(long)];
  for (let i = 0; i < 100; i++) {
    exchangedShort(i % 4 !== 0);
    exchangedLong(i % 4 !== 0);
  }
  expect(long.etx).toBeLessThan(1.5);
  expect(short.etx).toBeGreaterThan(2);
});

test('a link that has become better is found out', () => {
  const meter = new LinkMeter();
  const exchanged = exchanges(meter);
  for (let i = 0; i < 30; i++) exchanged(false);
  expect(meter.etx).toBe(16);
  for (let i = 0; i < 60; i++) exchanged(true);
  expect(meter.etx).toBeLessThan(1.3);
});

test('counts that begin anew are counted anew', () => {
  const meter = new LinkMeter();
  meter.exchanged({ asked: 20, answered: 20, answeredBytes: 20 * EXCHANGE });
  meter.exchanged({ asked: 3, answered: 3, answeredBytes: 3 * EXCHANGE });
  expect(meter.etx).toBe(1);
});

test('an off neighbour is no bad link: a long silence counts as a few missed signs', () => {
  const [long, short] = [new LinkMeter(), new LinkMeter()];
  long.heard(500, BEACON);
  short.heard(4, BEACON);
  expect(long.etx).toBe(short.etx);
});

test('what went unanswered while it was off is forgotten once it is back', () => {
  const meter = new LinkMeter();
  const exchanged = exchanges(meter);
  for (let i = 0; i < 12; i++) exchanged(false);
  meter.returned();
  expect(meter.etx).toBe(1);
  exchanged(true);
  expect(meter.etx).toBe(1);
});

test('what went unanswered while it was heard is not: at the edge of earshot it comes and goes', () => {
  const meter = new LinkMeter();
  const exchanged = exchanges(meter);
  for (let i = 0; i < 4; i++) exchanged(false);
  meter.alive();
  const known = meter.etx;
  expect(known).toBeGreaterThan(1.5);
  for (let i = 0; i < 12; i++) exchanged(false);
  expect(meter.etx).toBeGreaterThan(known);
  meter.returned();
  expect(meter.etx).toBe(known);
});
