/** docs/protocol/link.md, "Frames": literal bytes in, literal values out, and every way to be refused. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/core/bytes.ts';
import {
  FOLLOWS,
  firstByte,
  KIND,
  MESSAGE_1_LENGTH,
  MESSAGE_2_LENGTH,
  readFrame,
  SEALED_OVERHEAD,
  writeMessage1,
  writeMessage2,
  writeSealedHeader,
  writeSharedHeader,
} from '../../src/link/frame.ts';

const bytes = (hex: string) => fromHex(hex) ?? new Uint8Array(0);
const frame = (first: number, length: number) => {
  const f = new Uint8Array(length);
  if (length > 0) f[0] = first;
  return f;
};

describe('golden bytes', () => {
  test.each([
    ['beacon', KIND.beacon, 0x40],
    ['announce', KIND.announce, 0x48],
    ['handshake', KIND.handshake, 0x50],
    ['sealed', KIND.sealed, 0x58],
    ['solicit', KIND.solicit, 0x60],
    ['shared', KIND.shared, 0x68],
    ['receipt', KIND.receipt, 0x70],
  ])('the first byte of a %s', (_name, kind, first) => {
    expect(firstByte(kind)).toBe(first);
  });

  test('the lengths of the page', () => {
    expect([MESSAGE_1_LENGTH, MESSAGE_2_LENGTH, SEALED_OVERHEAD]).toEqual([112, 53, 21]);
  });

  test('message 1: first, hint, Noise message', () => {
    const written = writeMessage1(bytes('a1a2a3a4'), new Uint8Array(107).fill(0xee));
    expect(toHex(written)).toBe(`50a1a2a3a4${'ee'.repeat(107)}`);
    expect(readFrame(written)).toEqual({
      form: 'message-1',
      hint: bytes('a1a2a3a4'),
      noise: new Uint8Array(107).fill(0xee),
    });
  });

  test("message 2: first, the initiator's session index, Noise message", () => {
    const written = writeMessage2(0x1234, new Uint8Array(50).fill(0xdd));
    expect(toHex(written)).toBe(`513412${'dd'.repeat(50)}`);
    expect(readFrame(written)).toEqual({
      form: 'message-2',
      session: 0x1234,
      noise: new Uint8Array(50).fill(0xdd),
    });
  });

  test.each([
    [0, FOLLOWS.nothing, '58'],
    [0, FOLLOWS.answer, '59'],
    [0, FOLLOWS.burst, '5a'],
    [1, FOLLOWS.answer, '5d'],
  ] as const)('a sealed header in phase %i, followed by %i', (phase, follows, first) => {
    const header = writeSealedHeader(0x0102, 0x1_fffen, phase, follows);
    expect(toHex(header)).toBe(`${first}0201feff`);
    const sealed = new Uint8Array([...header, ...new Uint8Array(17).fill(0xcc)]);
    expect(readFrame(sealed)).toEqual({
      form: 'sealed',
      follows,
      phase,
      session: 0x0102,
      counter: 0xfffe,
      header,
      ciphertext: new Uint8Array(17).fill(0xcc),
    });
  });

  test('a shared header: first, the index of the neighbourhood, the low 16 bits of the counter', () => {
    const header = writeSharedHeader(0x0102, 0x1_fffen);
    expect(toHex(header)).toBe('680201feff');
    const shared = new Uint8Array([...header, ...new Uint8Array(17).fill(0xcc)]);
    expect(readFrame(shared)).toEqual({
      form: 'shared',
      index: 0x0102,
      counter: 0xfffe,
      header,
      ciphertext: new Uint8Array(17).fill(0xcc),
    });
  });
});

describe('refused on sight', () => {
  test.each([
    ['nothing at all', frame(0, 0), 'length'],
    ['version 0', frame(0x00, 30), 'version'],
    ['version 2', frame(0x98, 30), 'version'],
    ['version 3', frame(0xff, 30), 'version'],
    ['a shared frame with a flag', frame(0x69, 30), 'flags'],
    ['a shared frame without content', frame(0x68, 21), 'length'],
    ['kind 7, reserved', frame(0x78, 30), 'kind'],
    ['a beacon with a flag', frame(0x41, 23), 'flags'],
    ['a receipt with a flag', frame(0x74, 17), 'flags'],
    ['a handshake with bit 1', frame(0x52, 112), 'flags'],
    ['a handshake with bit 2', frame(0x55, 112), 'flags'],
    ['a sealed frame followed by 3', frame(0x5b, 30), 'flags'],
    ['a beacon cut short', frame(0x40, 22), 'length'],
    ['an announce cut short', frame(0x48, 124), 'length'],
    ['an announce between two lengths', frame(0x48, 130), 'length'],
    ['an announce too long', frame(0x48, 199), 'length'],
    ['a solicit for nobody', frame(0x60, 3), 'length'],
    ['a solicit with half an entry', frame(0x60, 16), 'length'],
    ['a solicit with 29 entries', frame(0x60, 3 + 29 * 9), 'length'],
    ['a receipt too long', frame(0x70, 18), 'length'],
    ['a receipt cut short', frame(0x70, 16), 'length'],
    ['message 1 cut short', frame(0x50, 111), 'length'],
    ['message 2 cut short', frame(0x51, 52), 'length'],
    ['a sealed frame without content', frame(0x58, 21), 'length'],
  ])('%s', (_what, hostile, reason) => {
    expect(readFrame(hostile)).toBe(reason);
  });

  test('anything else is one of five forms; nothing throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (hostile) => {
        const read = readFrame(hostile);
        if (typeof read === 'string') expect(['length', 'version', 'kind', 'flags']).toContain(read);
        else expect(['loose', 'message-1', 'message-2', 'sealed', 'shared']).toContain(read.form);
      }),
    );
  });
});

test.each([
  ['a beacon with options', frame(0x40, 24), 0],
  ['an announce', frame(0x48, 125), 1],
  ['an announce with a mailbox and a prekey', frame(0x48, 182), 1],
  ['a solicit for 28', frame(0x60, 255), 4],
  ['a receipt', frame(0x70, 17), 6],
])('%s is passed on', (_what, loose, kind) => {
  expect(readFrame(loose)).toEqual({ form: 'loose', kind });
});
