/**
 * A hostile box: a real link on a radio of its own that says of routes and objects what a test wants. It knows the
 * keys of all boxes it is told of, links with whoever is linked with it, and hears what they say.
 */
import { type Region, regionNamed } from '../../../board/regions.ts';
import { SimSx1276 } from '../../../drivers/sim/sx1276.ts';
import { Sx127x } from '../../../drivers/sx127x/sx127x.ts';
import { fromHex, toHex } from '../../../src/core/bytes.ts';
import { Counters } from '../../../src/core/counters.ts';
import { silent } from '../../../src/core/log.ts';
import { Identity } from '../../../src/identity/keys.ts';
import { type NodeId, nodeIdKey } from '../../../src/identity/node-id.ts';
import { LoraMedium } from '../../../src/link/lora/lora-medium.ts';
import type { Medium } from '../../../src/link/medium.ts';
import { NodeLink } from '../../../src/link/node-link.ts';
import { RECORD } from '../../../src/link/records.ts';
import { TransferIds } from '../../../src/link/transfer-ids.ts';
import { encodeAnnounce } from '../../../src/mesh/announce.ts';
import { UNSAID } from '../../../src/mesh/channel-shares.ts';
import { type DigestEntry, decodeDigest, encodeDigest, PREFIX_LENGTH } from '../../../src/mesh/digest.ts';
import { chainSecretOf, OwnChain } from '../../../src/mesh/freshness.ts';
import { metricOf } from '../../../src/mesh/metric.ts';
import { type Box, SF7, type World } from '../../world.ts';

const MINUTE = 60_000;
/** EU868's channels without a duty cycle: liars do not keep the law. */
export const LAWLESS: Region = {
  ...(regionNamed('IN865') as Region),
  subBands: (regionNamed('EU868') as Region).subBands.map(({ dutyCycle, ...band }) => band),
};

/** A radio that keeps no law, in earshot of some boxes and of nobody else. */
export async function lawlessMedium(world: World, name: string, heard: readonly Box[]): Promise<LoraMedium> {
  const { air, sim } = world;
  const chip = new SimSx1276({ clock: sim, random: sim.random, air, name });
  for (const box of heard) air.setLoss(name, box.name, 100);
  const parts = {
    ...{ clock: sim, counters: new Counters(), log: silent },
    random: sim.random.fork(`medium of ${name}`),
  };
  const radio = new Sx127x(chip.hardware, sim, parts.counters, silent);
  const profile = { region: LAWLESS, settings: world.options.settings ?? SF7, antennaGainDbi: 0 };
  const nothingRecorded = { load: () => undefined, save: async () => {} };
  return world.settle(LoraMedium.open(radio, profile, nothingRecorded, parts));
}

/** A link of `identity` that knows the keys of these boxes, whoever else is on that medium. */
export function bareLink(world: World, medium: Medium, identity: Identity, boxes: readonly Box[]): NodeLink {
  const { sim } = world;
  const keys = new Map(
    boxes.map((box) => [nodeIdKey(box.nodeId), fromHex(box.node.identity().publicKey) as Uint8Array]),
  );
  let handshakes = 0n;
  return new NodeLink({
    ...{ clock: sim, counters: new Counters(), log: silent },
    ...{ medium, identity, transferIds: new TransferIds() },
    random: sim.random.fork(`link of ${nodeIdKey(identity.nodeId)}`),
    keyOf: (id) => keys.get(nodeIdKey(id)),
    handshakeCounter: () => ++handshakes,
  });
}

/** Its announce, as one who has just come. */
export function announceOf(identity: Identity, sequence = 1n): Uint8Array {
  const chain = new OwnChain(identity.nodeId, chainSecretOf(new Uint8Array(32).fill(9)), sequence);
  return encodeAnnounce(identity, { sequence, anchor: chain.step(0), booted: false, capabilities: 1 });
}

export class Liar {
  readonly identity: Identity;
  readonly link: NodeLink;
  readonly name: string;
  readonly #world: World;
  /** The freshest value of each destination that it has heard, by prefix in hex. */
  readonly #freshness = new Map<string, Uint8Array>();

  private constructor(world: World, name: string, identity: Identity, link: NodeLink) {
    this.#world = world;
    this.name = name;
    this.identity = identity;
    this.link = link;
    link.shared.onOffer(() => true);
    link.shared.onRecord(RECORD.digest, ({ body }) => this.#listen(RECORD.digest, body));
    link.onRecord(RECORD.digest, ({ body }) => this.#listen(RECORD.digest, body));
  }

  /** In earshot of `heard`; all of `boxes` are known to it. `identity`: somebody's whose name it takes. */
  static async start(
    world: World,
    name: string,
    { boxes, heard, identity }: { boxes: readonly Box[]; heard: readonly Box[]; identity?: Identity },
  ): Promise<Liar> {
    const self = identity ?? new Identity(world.sim.random.fork(`liar ${name}`).bytes(32));
    const medium = await lawlessMedium(world, name, heard);
    const link = bareLink(world, medium, self, boxes);
    return new Liar(world, name, self, link);
  }

  announce(sequence = 1n): void {
    void this.link.broadcast(announceOf(this.identity, sequence), 0);
  }

  /** Keeps saying that it reaches `targets` as fast as by a wire, for as long as the world runs. */
  attract(targets: readonly NodeId[]): void {
    const say = () => {
      const entries = targets.flatMap((id): DigestEntry[] => {
        const prefix = id.subarray(0, PREFIX_LENGTH);
        const freshness = this.#freshness.get(toHex(prefix));
        const cost = { metric: metricOf(1), price: 0, bottleneck: 255, hops: 1 };
        return freshness ? [{ prefix, freshness, cost }] : [];
      });
      if (entries.length > 0)
        void this.link.shared.send(
          { type: RECORD.digest, body: encodeDigest({ t0: 79, crowd: UNSAID, wants: [], entries }) },
          0,
          'all',
        );
      this.#world.sim.after(5 * MINUTE, say);
    };
    say();
  }

  #listen(type: number, body: Uint8Array): void {
    const digest = type === RECORD.digest ? decodeDigest(body) : undefined;
    for (const { freshness, prefix } of digest?.entries ?? [])
      this.#freshness.set(toHex(prefix), freshness.slice());
  }
}
