/** The air as a process of its own: two chips in real time over a unix socket, and what may go wrong there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Air } from '../../../drivers/sim/air.ts';
import { HubClient } from '../../../drivers/sim/hub-client.ts';
import { HubClock } from '../../../drivers/sim/hub-clock.ts';
import { decodeFromHub, decodeToHub, encodeLine, type ToHub } from '../../../drivers/sim/hub-protocol.ts';
import { HubServer } from '../../../drivers/sim/hub-server.ts';
import { SimSx1276 } from '../../../drivers/sim/sx1276.ts';
import type { Emission, Transmission } from '../../../drivers/sim/transmission.ts';
import { SeededRandom } from '../../../src/core/random.ts';

const random = new SeededRandom(1);
const clock = new HubClock();
let directory: string;
let path: string;
let cleanUps: (() => unknown)[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'air-'));
  path = join(directory, 'air.sock');
  cleanUps = [];
});

afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  rmSync(directory, { recursive: true });
});

async function startServer(): Promise<{ air: Air; server: HubServer }> {
  const air = new Air({ clock, random });
  const server = new HubServer(air, clock);
  await server.listen(path);
  cleanUps.push(() => server.close());
  return { air, server };
}

/** A chip in LoRa standby, SF7, 500 kHz: the shortest frames. Resolves once the hub knows it. */
async function startChip(name: string): Promise<{ chip: SimSx1276; client: HubClient }> {
  const client = new HubClient(path, random);
  const connected = connection(client, true);
  const chip = new SimSx1276({ clock: client.clock, random, air: client, name });
  cleanUps.push(() => chip.remove());
  await connected;
  write(chip, 0x01, 0x00);
  write(chip, 0x01, 0x80);
  write(chip, 0x01, 0x81);
  await clock.sleep(2);
  write(chip, 0x0e, 0x00);
  write(chip, 0x1d, 0x92);
  write(chip, 0x1e, 0x74);
  return { chip, client };
}

function connection(client: HubClient, wanted: boolean): Promise<void> {
  return new Promise((resolve) => {
    const off = client.onConnection.on(({ connected }) => {
      if (connected !== wanted) return;
      off();
      resolve();
    });
  });
}

const write = (chip: SimSx1276, address: number, value: number) =>
  chip.exchange(Uint8Array.of(address | 0x80, value));
const read = (chip: SimSx1276, address: number) => chip.exchange(Uint8Array.of(address, 0))[1];

function send(chip: SimSx1276, bytes: Uint8Array): void {
  write(chip, 0x0d, 0x00);
  chip.exchange(Uint8Array.of(0x80, ...bytes));
  write(chip, 0x22, bytes.length);
  write(chip, 0x01, 0x83);
}

function rise(chip: SimSx1276): Promise<number> {
  return new Promise((resolve) => {
    const off = chip.onRise.on((dio) => {
      off();
      resolve(dio);
    });
  });
}

async function exchangeFrame(from: SimSx1276, to: SimSx1276, bytes: Uint8Array): Promise<void> {
  write(to, 0x12, 0xff);
  write(to, 0x01, 0x85);
  await clock.sleep(5);
  const received = rise(to);
  send(from, bytes);
  await received;
  expect(read(to, 0x12)).toBe(0x50);
  write(to, 0x12, 0xff);
  write(to, 0x0d, read(to, 0x10) as number);
  expect(to.exchange(new Uint8Array(1 + bytes.length)).subarray(1)).toEqual(bytes);
  await clock.sleep(5); // the sender's TxDone
}

describe('two chips over the socket', () => {
  test('hear each other, both ways, with the air seeing true airtimes', async () => {
    const { air, server } = await startServer();
    const seen: Transmission[] = [];
    air.onTransmission.on((t) => seen.push(t));
    const [a, b] = [await startChip('A'), await startChip('B')];
    expect(server.radios.sort()).toEqual(['A', 'B']);
    const bytes = random.bytes(255);
    await exchangeFrame(a.chip, b.chip, bytes);
    await exchangeFrame(b.chip, a.chip, bytes.subarray(0, 10));
    await clock.sleep(20);
    expect(seen.map((t) => [t.from, t.bytes.length])).toEqual([
      ['A', 255],
      ['B', 10],
    ]);
    // 12.25 + 8 + ceil((2040 - 28 + 28 + 16) / 28) * 5 symbols of 256 µs
    expect((seen[0]?.endMs ?? 0) - (seen[0]?.startMs ?? 0)).toBeCloseTo(390.25 * 0.256, 6);
  });

  test('a sender that dies in the middle of a frame is cut off', async () => {
    const { air } = await startServer();
    const [a, b] = [await startChip('A'), await startChip('B')];
    write(b.chip, 0x01, 0x85);
    await clock.sleep(5);
    const received = rise(b.chip);
    send(a.chip, random.bytes(255));
    await clock.sleep(30);
    a.chip.remove();
    await received;
    expect(read(b.chip, 0x12)).toBe(0x70);
    expect(air.has('A')).toBe(false);
  });

  test('the hub may go away and come back', async () => {
    const first = await startServer();
    const [a, b] = [await startChip('A'), await startChip('B')];
    const gone = [connection(a.client, false), connection(b.client, false)];
    await first.server.close();
    await Promise.all(gone);
    send(a.chip, random.bytes(5)); // into silence
    const back = [connection(a.client, true), connection(b.client, true)];
    await startServer();
    await Promise.all(back);
    write(a.chip, 0x12, 0xff);
    await exchangeFrame(a.chip, b.chip, random.bytes(20));
  });
});

const EMISSION: Emission = {
  startMs: 0,
  frequencyHz: 869.525e6,
  crystalPpm: 0,
  powerDbm: 14,
  bytes: Uint8Array.of(0xab, 0xcd),
  modulation: {
    bandwidthHz: 125_000,
    spreadingFactor: 7,
    codingRate: 5,
    preambleSymbols: 8,
    syncWord: 0x4e,
    implicitHeader: false,
    crc: true,
    invertedIq: false,
    lowDataRate: false,
  },
};

describe('messages', () => {
  test('come back as they went', () => {
    const toHub: ToHub[] = [
      { kind: 'hello', name: 'roof-1' },
      { kind: 'transmit', id: 7, emission: EMISSION },
      { kind: 'cut', id: 7, atMs: 12.5 },
    ];
    for (const message of toHub) expect(decodeToHub(encodeLine(message).trimEnd())).toEqual(message);
    const arrive = { kind: 'arrive', id: 1, from: 'A', powerDbm: -86, emission: EMISSION } as const;
    expect(decodeFromHub(encodeLine(arrive).trimEnd())).toEqual(arrive);
  });

  test.each([
    '',
    'null',
    '[]',
    '{"kind":"hello"}',
    '{"kind":"hello","name":"../x"}',
    '{"kind":"cut","id":-1,"atMs":0}',
    '{"kind":"transmit","id":1,"emission":null}',
    JSON.stringify({ kind: 'transmit', id: 1, emission: { ...EMISSION, bytes: '' } }),
    JSON.stringify({ kind: 'transmit', id: 1, emission: { ...EMISSION, bytes: 'zz' } }),
    JSON.stringify({ kind: 'transmit', id: 1, emission: { ...EMISSION, bytes: '00'.repeat(256) } }),
    JSON.stringify({ kind: 'transmit', id: 1, emission: { ...EMISSION, bytes: '00', powerDbm: 'loud' } }),
    JSON.stringify({
      ...{ kind: 'transmit', id: 1 },
      emission: { ...EMISSION, bytes: '00', modulation: { ...EMISSION.modulation, spreadingFactor: 40 } },
    }),
  ])('that are none are refused: %s', (line) => {
    expect(decodeToHub(line)).toBeUndefined();
  });
});

test('no line makes the decoders throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
      decodeToHub(line);
      decodeFromHub(line);
    }),
  );
});

describe('a client that is none', () => {
  async function raw(text: string): Promise<Socket> {
    const socket = connect(path);
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => {});
    socket.resume();
    socket.write(text);
    await closed;
    return socket;
  }
  const hello = encodeLine({ kind: 'hello', name: 'X' });
  const transmit = (startMs: number, id = 1) =>
    encodeLine({ kind: 'transmit', id, emission: { ...EMISSION, startMs } });

  test.each([
    ['garbage', () => 'GET / HTTP/1.1\r\n\r\n'],
    ['line-too-long', () => 'x'.repeat(10_000)],
    ['no-name', () => transmit(clock.monotonic())],
    ['name-taken', () => hello + hello],
    ['wrong-time', () => hello + transmit(clock.monotonic() - 60_000)],
    ['two-frames-at-once', () => hello + transmit(clock.monotonic()) + transmit(clock.monotonic() + 3, 2)],
  ])('is dropped and counted: %s', async (why, text) => {
    const { air, server } = await startServer();
    await raw(text());
    expect(server.counters.all()).toEqual({ [`air.${why}`]: 1 });
    expect(air.has('X')).toBe(false);
  });

  test('the others go on', async () => {
    await startServer();
    const [a, b] = [await startChip('A'), await startChip('B')];
    await raw('\u0000\u0001\u0002\n');
    await exchangeFrame(a.chip, b.chip, random.bytes(20));
  });
});

describe('the program', () => {
  const program = new URL('../../../dist/drivers/sim/hub-main.js', import.meta.url).pathname;

  beforeAll(() => {
    expect(existsSync(program), 'the program is tested as built: run `make build`').toBe(true);
  });

  function run(...args: string[]): {
    child: ChildProcess;
    firstLine: Promise<string>;
    exit: Promise<number>;
  } {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    cleanUps.push(() => child.kill('SIGKILL'));
    const [out, err] = [child.stdout, child.stderr];
    const firstLine = new Promise<string>((resolve) => {
      for (const stream of [out, err]) if (stream) createInterface(stream).once('line', resolve);
    });
    const exit = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? -1)));
    return { child, firstLine, exit };
  }

  test('says when it is ready, carries frames, ends on SIGTERM', async () => {
    const hub = run(path, '--loss', '140', '--loss', 'A:B=100', '--seed', '1');
    expect(await hub.firstLine).toBe(`air: listening on ${path}`);
    const [a, b] = [await startChip('A'), await startChip('B')];
    await exchangeFrame(a.chip, b.chip, random.bytes(30));
    const second = run(path);
    expect(await second.firstLine).toContain('already listening');
    expect(await second.exit).toBe(2);
    hub.child.kill('SIGTERM');
    expect(await hub.exit).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  test('takes the place of one that was killed', async () => {
    const killed = run(path);
    await killed.firstLine;
    killed.child.kill('SIGKILL');
    await killed.exit;
    expect(existsSync(path)).toBe(true);
    const hub = run(path);
    expect(await hub.firstLine).toBe(`air: listening on ${path}`);
  });

  test('says what is wrong with its arguments', async () => {
    const wrong = run(path, '--occupancy', 'much');
    expect(await wrong.firstLine).toBe('--occupancy needs a number, not "much".');
    expect(await wrong.exit).toBe(2);
  });
});
