/** Stations with routing on them, and liars: stations that say with the real link whatever a test wants. */
import { type Random, SeededRandom } from '../../src/core/random.ts';
import { openDatabase } from '../../src/db/open.ts';
import { Identity } from '../../src/identity/keys.ts';
import type { NodeId } from '../../src/identity/node-id.ts';
import { KIND } from '../../src/link/frame.ts';
import { RECORD } from '../../src/link/records.ts';
import { encodeAnnounce } from '../../src/mesh/announce.ts';
import { type Crowd, UNSAID } from '../../src/mesh/channel-shares.ts';
import { type Digest, type DigestEntry, type DigestWant, encodeDigest } from '../../src/mesh/digest.ts';
import { chainSecretOf, OwnChain, previousStep } from '../../src/mesh/freshness.ts';
import { OWN_COST } from '../../src/mesh/metric.ts';
import { Router } from '../../src/mesh/router.ts';
import { temporaryDirectory } from '../db/directories.ts';
import { type Station, Stations } from '../link/stations.ts';

const MINUTE = 60_000;
const SECRET = chainSecretOf(new Uint8Array(32).fill(5));

export class Village {
  readonly stations: Stations;
  readonly #opened: { readonly router: Router; readonly close: () => Promise<void> }[] = [];
  #seed = 0;

  constructor(seed: string) {
    this.stations = new Stations(seed);
  }

  run(ms: number): Promise<void> {
    return this.stations.sim.run(ms);
  }

  /** A station that routes. `position`: where on its chain of freshness it begins. */
  async router(
    name: string,
    trusts: (id: Uint8Array) => Uint8Array | undefined = () => undefined,
    position = 0,
  ) {
    let router: Router | undefined;
    const station = await this.stations.station(name, { keyOf: (id) => router?.keyOf(id) });
    const { sim } = this.stations;
    const durability = { kind: 'simulated', clock: sim, delay: () => 5 } as const;
    const db = await this.stations.resolve(openDatabase(temporaryDirectory(), { durability }));
    let next = position;
    router = new Router({
      link: station.link,
      db,
      identity: station.identity,
      chainSecret: chainSecretOf(new Uint8Array(32).fill(++this.#seed)),
      nextPosition: () => next++,
      skipTo: async (n) => {
        next = Math.max(next, n);
      },
      mailboxes: () => [],
      otherKey: trusts,
      capabilities: 0,
      load: () => 0,
      legalMs: undefined,
      clock: sim,
      random: new SeededRandom(`router ${name}`),
      counters: station.counters,
    });
    router.start();
    this.#opened.push({ router, close: () => this.stations.resolve(db.close()) });
    return { station, router };
  }

  async end(): Promise<void> {
    for (const { close, router } of this.#opened.splice(0)) {
      router.stop();
      await close();
    }
  }

  /** A station that has a link with every router that is on, and says what it is told to. */
  async liar(name: string): Promise<Liar> {
    const station = await this.stations.station(name);
    const liar = new Liar(this, station);
    station.link.shared.onOffer(() => true);
    liar.announce(1n);
    await this.run(3 * MINUTE);
    return liar;
  }
}

export class Liar {
  readonly station: Station;
  readonly chain: OwnChain;
  readonly #village: Village;

  constructor(village: Village, station: Station) {
    this.#village = village;
    this.station = station;
    this.chain = new OwnChain(station.identity.nodeId, SECRET, 1n);
  }

  get id() {
    return this.station.identity.nodeId;
  }

  announce(sequence: bigint): void {
    const { identity, link } = this.station;
    const anchor = new OwnChain(identity.nodeId, SECRET, sequence).step(0);
    const own = { sequence, anchor, booted: false, capabilities: 0 };
    void link.broadcast(encodeAnnounce(identity, own), 0);
  }

  /** One digest to all who share with it. */
  say(...entries: DigestEntry[]): Promise<void> {
    return this.sayAndAsk([], ...entries);
  }

  /** One that says how full the channel is. */
  sayAs(crowd: Crowd, ...entries: DigestEntry[]): Promise<void> {
    return this.#say({ crowd, wants: [], entries });
  }

  /** One that asks for announces beside. */
  sayAndAsk(wants: readonly DigestWant[], ...entries: DigestEntry[]): Promise<void> {
    return this.#say({ crowd: UNSAID, wants, entries });
  }

  async #say(digest: Omit<Digest, 't0'>): Promise<void> {
    const body = encodeDigest({ t0: 79, ...digest });
    const submission = await this.#village.stations.resolve(
      this.station.link.shared.send({ type: RECORD.digest, body }, 0, 'all'),
    );
    if (!submission.sent) throw new Error(submission.refused);
    await this.#village.run(1000);
  }

  /** The newest frame it shared. */
  get lastShared(): Uint8Array {
    const frame = this.#village.stations.sent(this.station, KIND.shared).at(-1)?.bytes;
    if (!frame) throw new Error('nothing was shared');
    return frame;
  }
}

/** A node that is not there, but behind others: its announce, handed on, and an entry of one hop that this proves. */
export function nodeBehind(random: Random): { nodeId: NodeId; announce: Uint8Array; entry: DigestEntry } {
  const identity = new Identity(random.bytes(32));
  const freshness = random.bytes(8);
  const anchor = previousStep(identity.nodeId, 1n, freshness);
  const announce = encodeAnnounce(identity, { sequence: 1n, anchor, booted: false, capabilities: 0 });
  announce.set([0, 0x40, 0, 0, 90, 2], announce.length - 6);
  const cost = { ...OWN_COST, metric: 9_000, hops: 1 };
  return {
    nodeId: identity.nodeId,
    announce,
    entry: { prefix: identity.nodeId.subarray(0, 4), freshness, cost },
  };
}
