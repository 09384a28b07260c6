/** A neighbour on the LAN that is nothing but a real link: for tests of what a whole box says to one. */
import { fromHex } from '../src/core/bytes.ts';
import { Counters } from '../src/core/counters.ts';
import { silent } from '../src/core/log.ts';
import { Identity } from '../src/identity/keys.ts';
import type { NodeId } from '../src/identity/node-id.ts';
import { LanMedium } from '../src/link/lan/lan-medium.ts';
import type { Neighbour, Rec } from '../src/link/link.ts';
import { NodeLink } from '../src/link/node-link.ts';
import { RECORD } from '../src/link/records.ts';
import { TransferIds } from '../src/link/transfer-ids.ts';
import type { Box, World } from './world.ts';

export class BareLanNeighbour {
  readonly identity: Identity;
  readonly link: NodeLink;
  /** What it was told, in order. */
  readonly told: Rec[] = [];
  readonly #world: World;
  readonly #box: Box;
  #answered = new AbortController();

  private constructor(world: World, box: Box, identity: Identity, link: NodeLink) {
    this.#world = world;
    this.#box = box;
    this.identity = identity;
    this.link = link;
  }

  /** Connected to `box`, whose key it knows, with a session. `answers` is what it says to records of each type. */
  static async start(
    world: World,
    box: Box,
    name: string,
    answers: Readonly<Record<number, (body: Uint8Array) => Rec | undefined>> = {},
  ): Promise<BareLanNeighbour> {
    const { sim } = world;
    const random = sim.random.fork(`bare ${name}`);
    const identity = new Identity(random.fork('identity').bytes(32));
    const common = { clock: sim, counters: new Counters(), log: silent };
    const medium = await world.settle(
      LanMedium.open(
        { listen: { host: name, port: 1 }, peers: [{ host: box.name, port: 27182 }], multicast: false },
        { ...common, net: world.lan.host(name), random: random.fork('medium') },
      ),
    );
    let handshakes = 0n;
    const link = new NodeLink({
      ...common,
      ...{ medium, identity },
      transferIds: new TransferIds(),
      keyOf: () => fromHex(box.node.identity().publicKey),
      random: random.fork('link'),
      handshakeCounter: () => ++handshakes,
    });
    const bare = new BareLanNeighbour(world, box, identity, link);
    for (const type of Object.values(RECORD)) {
      if (type < RECORD.query) continue;
      link.onRecord(type, (incoming) => {
        bare.told.push({ type, body: incoming.body.slice() });
        bare.#answered.abort();
        const answer = answers[type]?.(incoming.body.slice());
        if (answer) incoming.reply(answer);
      });
    }
    await sim.run(2_000);
    await bare.say({ type: RECORD.hello, body: new Uint8Array(0) });
    return bare;
  }

  get nodeId(): NodeId {
    return this.identity.nodeId;
  }

  get box(): Neighbour {
    return this.link.neighbour(this.#box.nodeId);
  }

  /** Says a record, and gives the box time to answer. */
  async say(record: Rec): Promise<void> {
    this.#answered = new AbortController();
    const { signal: settled } = this.#answered;
    await this.#world.settle(this.box.send(record, { priority: 1, settled }).catch(() => undefined));
    await this.#world.sim.run(1_000);
  }
}
