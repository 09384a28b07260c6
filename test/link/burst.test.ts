/** docs/protocol/link.md, "Transfers": what goes out on one grant, frame by frame. */
import { expect, test } from 'vitest';
import { type Asked, burst } from '../../src/link/burst.ts';
import { Errands } from '../../src/link/errands.ts';
import { readFragment } from '../../src/link/fragments.ts';
import { OutgoingFragments } from '../../src/link/outgoing.ts';
import { OwedRecords } from '../../src/link/owed-records.ts';
import { ackRecord, decodeRecords } from '../../src/link/records.ts';
import { livePair, sealedForm } from './pairs.ts';
import { SF7, Stations } from './stations.ts';

/** Grants for a transfer of `size` bytes and whatever else waits, and what the other side makes of their frames. */
async function scene(size: number, settings = SF7) {
  const stations = new Stations('burst', settings);
  const { medium } = await stations.station('a');
  const { a, b, atA } = livePair();
  const errands = new Errands();
  const owed = new OwedRecords();
  const transfer = { id: 1, pushed: false, bytes: new Uint8Array(size), held: [] };
  const fragments = new OutgoingFragments(transfer, medium.mtu);
  errands.add({ kind: 'transfer', fragments, pushed: false }, { priority: 2 }, () => {});
  const asked: Asked[] = [];
  const grant = () =>
    burst({ peer: b.id, medium, sessions: a.sessions, clock: stations.sim, errands, owed }, (one) => {
      asked.push(one);
    });
  /** Fragment indices, and what follows, of at most `most` frames. */
  const take = (most = 100) => {
    const frames: string[] = [];
    for (const frame of grant()) {
      const opened = b.open(frame);
      const records = typeof opened === 'string' ? undefined : decodeRecords(opened.content);
      const fragment = records?.map((r) => readFragment(r.body)).at(-1);
      frames.push(`${fragment?.index} ${sealedForm(frame).follows === 1 ? 'asks' : 'goes on'}`);
      if (frames.length === most) break;
    }
    return frames;
  };
  return { a, atA, errands, fragments, owed, asked, take };
}

test('a burst of eight at SF7, of which the last asks', async () => {
  const { take, asked } = await scene(4096);
  expect(take()).toEqual([...Array.from({ length: 7 }, (_, i) => `${i} goes on`), '7 asks']);
  expect(asked).toHaveLength(1);
  expect(asked[0]?.n).toBe(8n);
});

test('of two at SF10, of one at SF12', async () => {
  expect((await scene(4096, { ...SF7, spreadingFactor: 10 })).take()).toEqual(['0 goes on', '1 asks']);
  expect((await scene(4096, { ...SF7, spreadingFactor: 12 })).take()).toEqual(['0 asks']);
});

test('that was cut before it asked: the next fragment asks about all of them', async () => {
  const { take, asked } = await scene(4096);
  take(3);
  expect(asked).toHaveLength(0);
  expect(take()).toEqual(['3 asks']);
  expect(take()).toHaveLength(8);
});

test('that was cut before its end: the last fragment asks', async () => {
  const { take } = await scene(600);
  take(2);
  expect(take()).toEqual(['2 asks']);
});

test('ends with its session, or when its errand is done', async () => {
  for (const end of ['session', 'errand'] as const) {
    const { atA, errands, a, take, asked } = await scene(4096);
    const frames = take(2);
    if (end === 'session') a.sessions.clear();
    else errands.first?.finish('answered');
    expect(frames).toHaveLength(2);
    expect(take()).toEqual([]);
    expect(asked).toHaveLength(0);
    expect(atA.session.ended).toBe(end === 'session');
  }
});

test('takes owed acknowledgements along where there is room, the short last fragment’s', async () => {
  const { atA, owed, fragments, take } = await scene(231 + 100);
  owed.add(atA, ackRecord(77));
  expect(take()).toEqual(['0 goes on', '1 asks']);
  expect(owed.session).toBeUndefined();
  expect(fragments.complete).toBe(false);
});
