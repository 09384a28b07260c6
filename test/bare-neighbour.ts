/** A neighbour that is nothing but a real link on a radio of its own: for tests of what a whole box says to one. */
import { type Region, regionNamed } from '../board/regions.ts';
import { SimSx1276 } from '../drivers/sim/sx1276.ts';
import { Sx127x } from '../drivers/sx127x/sx127x.ts';
import { fromHex } from '../src/core/bytes.ts';
import { Counters } from '../src/core/counters.ts';
import { silent } from '../src/core/log.ts';
import { Identity } from '../src/identity/keys.ts';
import { nodeIdFrom } from '../src/identity/node-id.ts';
import type { Neighbour, Rec } from '../src/link/link.ts';
import { LoraMedium } from '../src/link/lora/lora-medium.ts';
import { NodeLink } from '../src/link/node-link.ts';
import { TransferIds } from '../src/link/transfer-ids.ts';
import { type Box, SF7, type World } from './world.ts';

/** EU868's channels without a duty cycle: how much may be sent is not what these tests are about. */
const REGION: Region = {
  ...(regionNamed('IN865') as Region),
  subBands: (regionNamed('EU868') as Region).subBands.map(({ dutyCycle, ...band }) => band),
};

export class BareNeighbour {
  readonly identity: Identity;
  readonly link: NodeLink;
  readonly #world: World;
  readonly #box: Box;

  private constructor(world: World, box: Box, identity: Identity, link: NodeLink) {
    this.#world = world;
    this.#box = box;
    this.identity = identity;
    this.link = link;
  }

  /** In earshot of `box`, whose key it knows, and of nobody else. */
  static async start(world: World, box: Box, name: string): Promise<BareNeighbour> {
    const { air, sim } = world;
    const random = sim.random.fork(`bare ${name}`);
    const identity = new Identity(random.fork('identity').bytes(32));
    const chip = new SimSx1276({ clock: sim, random: sim.random, air, name });
    air.setLoss(name, box.name, 100);
    const common = { clock: sim, counters: new Counters(), log: silent };
    const radio = new Sx127x(chip.hardware, sim, common.counters, silent);
    const profile = { region: REGION, settings: world.options.settings ?? SF7, antennaGainDbi: 0 };
    const nothingRecorded = { load: () => undefined, save: async () => {} };
    const parts = { ...common, random: random.fork('medium') };
    const medium = await world.settle(LoraMedium.open(radio, profile, nothingRecorded, parts));
    const keyOf = () => fromHex(box.node.identity().publicKey);
    let handshakes = 0n;
    const handshakeCounter = () => ++handshakes;
    const link = new NodeLink({
      transferIds: new TransferIds(),
      ...common,
      medium,
      identity,
      keyOf,
      random: random.fork('link'),
      handshakeCounter,
    });
    return new BareNeighbour(world, box, identity, link);
  }

  get box(): Neighbour {
    return this.link.neighbour(nodeIdFrom(fromHex(this.#box.node.identity().nodeId) as Uint8Array));
  }

  /** Says a record, and gives the box time to answer. */
  async say(record: Rec): Promise<void> {
    await this.#world.settle(this.box.send(record, { priority: 1 }).catch(() => undefined));
    await this.#world.sim.run(2_000);
  }
}
