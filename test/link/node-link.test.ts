/** docs/protocol/link.md between whole stations: link, medium, driver and chips as on a roof, the air simulated. */
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/core/bytes.ts';
import { KIND } from '../../src/link/frame.ts';
import { RECORD } from '../../src/link/records.ts';
import { Stations } from './stations.ts';

const hello = { type: RECORD.push, body: utf8('hello') };

describe('a first record', () => {
  test('costs a handshake, a frame and its ack', async () => {
    const stations = new Stations();
    const a = await stations.station('a');
    const b = await stations.station('b');
    const got: string[] = [];
    b.link.onRecord(RECORD.push, ({ body }) => {
      got.push(new TextDecoder().decode(body));
    });
    expect(await stations.resolve(a.to(b).send(hello, { priority: 1 }))).toBe('acknowledged');
    expect(got).toEqual(['hello']);
    expect(stations.frames.map((f) => [f.from, f.bytes.length])).toEqual([
      ['a', 112],
      ['b', 53],
      ['a', 27],
      ['b', 24],
    ]);
    expect(stations.sent(a, KIND.handshake)).toHaveLength(1);
  });
});
