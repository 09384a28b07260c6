/** docs/protocol/link.md, "Records": what becomes of an answer whose window is over, on the real medium. */
import { expect, test } from 'vitest';
import { FrameAnswer } from '../../src/link/answer.ts';
import type { Rec } from '../../src/link/link.ts';
import { RECORD } from '../../src/link/records.ts';
import { livePair } from './pairs.ts';
import { Stations } from './stations.ts';

const have = { type: RECORD.have, body: new Uint8Array(8) };
const receipt = new Uint8Array(17).fill(0x70);

/** An answer to a frame that ended `ago` ms ago. */
async function answerTo(ago: number, isAnswered = true) {
  const stations = new Stations('answer');
  const b = await stations.station('b');
  await stations.sim.run(1000);
  const late: string[] = [];
  const answer = new FrameAnswer({
    medium: b.medium,
    clock: stations.sim,
    live: livePair().atB,
    counter: 9,
    via: undefined,
    askedAt: stations.sim.monotonic() - ago,
    lateAck: () => late.push('ack'),
    lateRecord: (record: Rec) => late.push(`record ${record.type}`),
    lateLoose: (frame: Uint8Array) => late.push(`loose ${frame.length}`),
    tooLong: () => late.push('too long'),
    ...{ isAnswered, spent: () => {} },
  });
  const send = async () => {
    await stations.resolve(answer.send(Promise.resolve()));
    return { late, sent: stations.frames.map((f) => f.bytes.length) };
  };
  return { answer, send };
}

test('in time: the ack, or the one reply', async () => {
  const bare = await answerTo(10);
  bare.answer.request();
  expect(await bare.send()).toEqual({ late: [], sent: [24] });
  const replied = await answerTo(10);
  replied.answer.request().reply(have);
  expect(await replied.send()).toEqual({ late: [], sent: [30] });
  const loose = await answerTo(10);
  loose.answer.request().replyLoose(receipt);
  expect(await loose.send()).toEqual({ late: [], sent: [17] });
});

test('in time, of several: each reply, and an ack for the frame', async () => {
  const { answer, send } = await answerTo(10);
  answer.request().reply(have);
  answer.request().replyLoose(receipt);
  answer.request();
  expect(await send()).toEqual({ late: [], sent: [17, 21 + 4 + 9] });
});

test('instead of an ack, what stands in for it', async () => {
  const { answer, send } = await answerTo(10);
  answer.request({ type: RECORD.bitmap, body: new Uint8Array(2) });
  expect(await send()).toEqual({ late: [], sent: [24] });
});

test('more than a frame holds: the rest is late', async () => {
  const { answer, send } = await answerTo(10);
  const request = answer.request();
  for (let i = 0; i < 3; i++) request.reply({ type: RECORD.have, body: new Uint8Array(100) });
  expect(await send()).toEqual({ late: ['record 19'], sent: [21 + 102 + 101] });
});

test('a reply that no frame holds is dropped, in time and late; the ack goes in its place', async () => {
  const { answer, send } = await answerTo(10);
  const request = answer.request();
  request.reply({ type: RECORD.proof, body: new Uint8Array(300) });
  expect(await send()).toEqual({ late: ['too long'], sent: [24] });
  request.reply({ type: RECORD.proof, body: new Uint8Array(300) });
  expect((await send()).late).toEqual(['too long', 'too long']);
});

test('too late: everything is handed back', async () => {
  const { answer, send } = await answerTo(200);
  answer.request().reply(have);
  answer.request().replyLoose(receipt);
  expect(await send()).toEqual({ late: ['loose 17', 'record 19', 'ack'], sent: [] });
});

test('after the answer: as late', async () => {
  const { answer, send } = await answerTo(10);
  const request = answer.request();
  await send();
  request.reply(have);
  request.replyLoose(receipt);
  expect((await send()).late).toEqual(['record 19', 'loose 17']);
});

test('to whom nothing is said: neither in time nor late', async () => {
  const { answer, send } = await answerTo(10, false);
  answer.request().reply(have);
  const request = answer.request();
  expect(await send()).toEqual({ late: [], sent: [] });
  request.replyLoose(receipt);
  expect((await send()).late).toEqual([]);
});
