/** Boxes without radio: the real node over real sockets on 127.0.0.1, with the machine's clock and disk. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '../src/core/clock.ts';
import { Counters } from '../src/core/counters.ts';
import { silent } from '../src/core/log.ts';
import { SystemRandom } from '../src/core/random.ts';
import type { LmdbDb } from '../src/db/lmdb.ts';
import { openDatabase } from '../src/db/open.ts';
import { LanMedium } from '../src/link/lan/lan-medium.ts';
import type { Address } from '../src/link/lan/net.ts';
import { nodeNet } from '../src/link/lan/sockets.ts';
import type { InboxEntry, NexusNode } from '../src/node/nexus-node.ts';
import { startNode } from '../src/node/node.ts';
import { brotli } from '../src/platform/brotli.ts';

const HOST = '127.0.0.1';
const clock = new SystemClock();
const random = new SystemRandom();

export class LanBoxes {
  readonly #boxes: LanBox[] = [];

  /** A new one, started, that dials the others named. */
  async box(name: string, ...peers: readonly LanBox[]): Promise<LanBox> {
    const box = new LanBox(name, peers);
    this.#boxes.push(box);
    await box.start();
    return box;
  }

  async end(): Promise<void> {
    for (const box of [...this.#boxes].reverse()) await box.stop();
    for (const box of this.#boxes) rmSync(box.directory, { recursive: true, force: true });
  }
}

export class LanBox {
  readonly name: string;
  readonly directory: string;
  readonly counters = new Counters();
  /** Where it takes connections; the same after every start. */
  port = 0;
  readonly #peers: readonly LanBox[];
  readonly #seed = random.bytes(32);
  #parts: { db: LmdbDb; medium: LanMedium; node: NexusNode } | undefined;

  constructor(name: string, peers: readonly LanBox[]) {
    this.name = name;
    this.#peers = peers;
    this.directory = mkdtempSync(join(tmpdir(), `nexus-${name}-`));
  }

  get address(): Address {
    return { host: HOST, port: this.port };
  }
  get node(): NexusNode {
    if (!this.#parts) throw new Error(`${this.name} is off`);
    return this.#parts.node;
  }
  get medium(): LanMedium {
    if (!this.#parts) throw new Error(`${this.name} is off`);
    return this.#parts.medium;
  }
  get contact(): string {
    return this.node.identity().contact;
  }

  async start(): Promise<void> {
    const common = { clock, random, counters: this.counters, log: silent };
    const db = await openDatabase(this.directory, { durability: { kind: 'disk' } });
    const medium = await LanMedium.open(
      { listen: this.address, peers: this.#peers.map((p) => p.address), multicast: false },
      { ...common, net: nodeNet(0) },
    );
    this.port = medium.status.port ?? 0;
    const node = await startNode({
      ...common,
      ...{ db, media: [medium], lan: medium, codec: brotli },
      ...{ version: 'test', name: this.name, ttlDays: 7, mailboxes: [], maxStoreBytes: 100 * 2 ** 20 },
      seed: this.#seed.slice(),
    });
    this.#parts = { db, medium, node };
  }

  async stop(): Promise<void> {
    const parts = this.#parts;
    this.#parts = undefined;
    await parts?.node.stop();
    await parts?.medium.stop();
    await parts?.db.close();
  }

  /** Sends a text and resolves with it once its receipt is here. */
  async deliver(to: LanBox, text: string): Promise<void> {
    const { id } = await this.node.send(to.contact, text);
    for await (const { state } of this.node.progress(id, AbortSignal.timeout(15_000)))
      if (state === 'delivered') return;
    throw new Error(`"${text}" was not delivered from ${this.name} to ${to.name}`);
  }

  texts(): string[] {
    return Array.from(this.node.inbox(), ({ text }: InboxEntry) => text);
  }

  /** Resolves once this box has a session with the other. */
  async linkedTo(other: LanBox): Promise<void> {
    const { nodeId } = other.node.identity();
    await eventually(() => this.node.status().neighbours.some((n) => n.nodeId === nodeId && n.linked));
  }
}

/** Looks every few ms until it holds. */
export async function eventually(holds: () => boolean, withinMs = 10_000): Promise<void> {
  const until = clock.monotonic() + withinMs;
  while (!holds()) {
    if (clock.monotonic() > until) throw new Error(`it did not come to be: ${holds}`);
    await clock.sleep(5);
  }
}
