/**
 * What custody costs a relay: how many objects a second it takes, each durable before it is acknowledged; what that
 * writes to the disk; what it holds of memory and how soon it is ready with so many objects held.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fromHex, toHex } from '../../src/core/bytes.ts';
import { SystemClock } from '../../src/core/clock.ts';
import { Counters } from '../../src/core/counters.ts';
import { silent } from '../../src/core/log.ts';
import { SystemRandom } from '../../src/core/random.ts';
import { encodeContactCode } from '../../src/identity/contact-code.ts';
import { Identity } from '../../src/identity/keys.ts';
import { nodeIdFrom, nodeIdOf } from '../../src/identity/node-id.ts';
import { LanMedium } from '../../src/link/lan/lan-medium.ts';
import { nodeNet } from '../../src/link/lan/sockets.ts';
import { NodeLink } from '../../src/link/node-link.ts';
import { RECORD } from '../../src/link/records.ts';
import { TransferIds } from '../../src/link/transfer-ids.ts';
import { headerFor, objectIdOf, shortIdOf } from '../../src/store/object.ts';
import { encodeParcel, FRESH_TRAVEL } from '../../src/store/parcel.ts';
import { program } from '../demo/processes.ts';

/** As systemd/nexusd.service starts the daemon. */
const HEAP = ['--max-semi-space-size=1', '--max-old-space-size=160'];

const OBJECT_BYTES = 300;
/** Enough that one neighbour's quarter of the store is not what is measured. */
const GIVERS = 8;
const RECIPIENTS = 500;
const UNDER_WAY = 24;
/** An answer that takes longer is lost. */
const AGAIN_MS = 5000;

export interface StoreRow {
  /** Objects in custody when memory and start were measured. */
  readonly held: number;
  /** Objects a second, from the first push to the last `custody`; 0 where none was taken. */
  readonly perSecond: number;
  /** After taking them; right after a restart with them. */
  readonly rssAnonMb: number;
  readonly restartedRssAnonMb: number;
  /** Process start to ready, with so many held. */
  readonly startMs: number;
}

export interface StoreCost {
  readonly rows: readonly StoreRow[];
  /** Handed to the disk for one object in custody, by strace's count of pwrite on the data file. */
  readonly writtenPerObject: number;
}

/** Measures at each number held, in the order given. */
export async function storeCost(held: readonly number[], traced: number): Promise<StoreCost> {
  const directory = mkdtempSync(join(tmpdir(), 'nexus-store-'));
  try {
    const rows: StoreRow[] = [];
    for (const count of held) rows.push(await measured(join(directory, `${count}`), count));
    return { rows, writtenPerObject: await written(directory, traced) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measured(state: string, held: number): Promise<StoreRow> {
  const givers = Array.from({ length: GIVERS }, () => new Giver());
  const relay = await Relay.start(state, givers);
  const perSecond = held === 0 ? 0 : await fill(relay, givers, held);
  await new SystemClock().sleep(3000);
  const rssAnonMb = relay.rssAnonMb;
  await relay.stop();
  const again = await Relay.start(state, givers);
  await new SystemClock().sleep(3000);
  const row = { held, perSecond, rssAnonMb, restartedRssAnonMb: again.rssAnonMb, startMs: again.startMs };
  await again.stop();
  return row;
}

async function written(directory: string, objects: number): Promise<number> {
  const givers = Array.from({ length: GIVERS }, () => new Giver());
  const state = join(directory, 'traced');
  const log = join(directory, 'strace');
  const relay = await Relay.start(state, givers, [
    'strace',
    '-f',
    '-y',
    '-e',
    'trace=pwrite64,pwritev,write,writev',
    '-o',
    log,
  ]);
  const before = bytesWritten(log);
  await fill(relay, givers, objects);
  const bytes = bytesWritten(log) - before;
  await relay.stop();
  return bytes / objects;
}

/** Sum of what the system calls on the data file gave back; one that strace saw interrupted has its result a line of its own. */
function bytesWritten(log: string): number {
  let bytes = 0;
  const unfinished = new Set<string>();
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const [thread = ''] = line.split(' ');
    const result = Number(/ = (\d+)$/.exec(line)?.[1] ?? 0);
    if (line.includes('data.mdb>')) {
      bytes += result;
      if (line.endsWith('<unfinished ...>')) unfinished.add(thread);
    } else if (line.includes(' resumed>') && unfinished.delete(thread)) bytes += result;
  }
  return bytes;
}

async function fill(relay: Relay, givers: readonly Giver[], objects: number): Promise<number> {
  for (const giver of givers) await giver.meet(relay);
  const began = performance.now();
  await Promise.all(givers.map((giver) => giver.give(Math.floor(objects / givers.length))));
  const perSecond = (1000 * objects) / (performance.now() - began);
  for (const giver of givers) await giver.leave();
  return perSecond;
}

class Relay {
  readonly #process: ChildProcess;
  readonly startMs: number;
  readonly port: number;
  readonly publicKey: Uint8Array;
  readonly #ended: Promise<unknown>;

  private constructor(
    process: ChildProcess,
    startMs: number,
    said: { port: number; publicKey: string },
    ended: Promise<unknown>,
  ) {
    this.#process = process;
    this.startMs = startMs;
    this.port = said.port;
    this.publicKey = fromHex(said.publicKey) ?? new Uint8Array();
    this.#ended = ended;
  }

  static async start(state: string, givers: readonly Giver[], under: readonly string[] = []): Promise<Relay> {
    mkdirSync(state, { recursive: true });
    const codes = givers.map((g) => encodeContactCode({ publicKey: g.identity.publicKey, mailboxes: [] }));
    const [command = '', ...args] = [
      ...under,
      process.execPath,
      ...HEAP,
      program('test/bench/store-relay.js'),
      state,
      '0',
      ...codes,
    ];
    const began = performance.now();
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => child.once('close', resolve));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const first = await lines.next();
    if (first.done) throw new Error('the relay ended before it was ready');
    return new Relay(child, performance.now() - began, JSON.parse(first.value), ended);
  }

  get rssAnonMb(): number {
    const status = readFileSync(`/proc/${this.#process.pid}/status`, 'utf8');
    return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) / 1024;
  }

  async stop(): Promise<void> {
    this.#process.stdin?.end('stop\n');
    await this.#ended;
  }
}

/** A neighbour that is nothing but a link; it pushes sealed-looking objects, many at a time. */
class Giver {
  readonly identity = new Identity(new SystemRandom().bytes(32));
  readonly #random = new SystemRandom();
  readonly #taken = new Map<string, () => void>();
  #medium: LanMedium | undefined;
  #link: NodeLink | undefined;
  #relay: Uint8Array = new Uint8Array();

  async meet(relay: Relay): Promise<void> {
    const clock = new SystemClock();
    const common = { clock, random: this.#random, counters: new Counters(), log: silent };
    this.#relay = relay.publicKey;
    this.#medium = await LanMedium.open(
      { listen: undefined, peers: [{ host: '127.0.0.1', port: relay.port }], multicast: false },
      { ...common, net: nodeNet(0) },
    );
    let handshakes = 0n;
    this.#link = new NodeLink({
      ...common,
      transferIds: new TransferIds(),
      medium: this.#medium,
      identity: this.identity,
      keyOf: () => this.#relay,
      handshakeCounter: () => ++handshakes,
    });
    // a push that was repeated because its answer was slow is answered by `have`
    for (const type of [RECORD.custody, RECORD.have])
      this.#link.onRecord(type, ({ body }) => this.#taken.get(toHex(body.subarray(0, 8)))?.());
    this.#link.onRecord(RECORD.refuse, ({ body }) => {
      throw new Error(`refused: ${toHex(body)}`);
    });
    for (let tries = 0; !this.#link.isLinked(nodeIdOf(this.#relay)); tries++) {
      if (tries > 100) throw new Error('the relay does not answer');
      await this.#push().catch(() => clock.sleep(50));
    }
  }

  /** Resolves once the relay has said `custody` for so many more. */
  async give(objects: number): Promise<void> {
    let left = objects;
    const one = async () => {
      while (left-- > 0) await this.#push();
    };
    await Promise.all(Array.from({ length: UNDER_WAY }, one));
  }

  async leave(): Promise<void> {
    await this.#link?.stop();
    await this.#medium?.stop();
  }

  async #push(): Promise<void> {
    const bytes = this.#random.bytes(OBJECT_BYTES);
    const recipient = new Uint8Array(16).fill(1);
    recipient[0] = bytes[0] ?? 0;
    recipient[1] = (bytes[1] ?? 0) % Math.ceil(RECIPIENTS / 256);
    const header = {
      ...({ contentType: 0, priority: 1, minBandwidth: 0, ttl: 213, travel: FRESH_TRAVEL } as const),
      lock: this.#random.bytes(16),
      recipients: [nodeIdFrom(recipient)],
    };
    const id = toHex(shortIdOf(objectIdOf(headerFor(header, header.lock, bytes))));
    const settled = new AbortController();
    this.#taken.set(id, () => settled.abort());
    const push = { type: RECORD.push, body: encodeParcel({ header, bytes }) };
    const link = this.#link;
    if (!link) throw new Error('it has not met the relay');
    // what was acknowledged but not answered is pushed again, as a giver does
    while (!settled.signal.aborted) {
      await link.neighbour(nodeIdOf(this.#relay)).send(push, { priority: 1, settled: settled.signal });
      await new SystemClock().sleep(AGAIN_MS, settled.signal).catch(() => {});
    }
    this.#taken.delete(id);
  }
}
