/**
 * A box whose links are kept on a disk, its frames carried by hand: the real sessions, neighbourhood and database under
 * virtual time. Its plug can be pulled at any moment, and an older database put back.
 */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Counters } from '../../src/core/counters.ts';
import type { LmdbDb } from '../../src/db/lmdb.ts';
import { openDatabase } from '../../src/db/open.ts';
import { Identity } from '../../src/identity/keys.ts';
import { LinkMemory, openLinkEpochs } from '../../src/link/link-memory.ts';
import { Neighbourhood } from '../../src/link/neighbourhood.ts';
import { NeighbourhoodMemory } from '../../src/link/neighbourhood-memory.ts';
import { OverheardNeighbourhoods } from '../../src/link/overheard-neighbourhoods.ts';
import { SessionMemory } from '../../src/link/session-memory.ts';
import { Sessions } from '../../src/link/sessions.ts';
import { temporaryDirectory } from '../db/directories.ts';
import type { Simulation } from '../simulation.ts';

/** ms that a commit takes. */
const COMMIT = 10;

interface Running {
  readonly db: LmdbDb;
  readonly memory: LinkMemory;
  readonly sessions: Sessions;
  readonly ours: Neighbourhood;
  readonly theirs: OverheardNeighbourhoods;
}

export class KeptBox {
  readonly name: string;
  identity: Identity;
  readonly directory = temporaryDirectory();
  counters = new Counters();
  /** Bytes free on its disk. */
  free = 2 ** 40;
  readonly #sim: Simulation;
  #running: Running | undefined;
  #handshakes = 0n;
  #starts = 0;
  #copies = 0;

  constructor(sim: Simulation, name: string) {
    this.#sim = sim;
    this.name = name;
    this.identity = new Identity(sim.random.fork(name).bytes(32));
  }

  get is(): Running {
    if (!this.#running) throw new Error(`${this.name} is off`);
    return this.#running;
  }

  async start(): Promise<Running> {
    const sim = this.#sim;
    const random = sim.random.fork(`${this.name} ${this.#starts++}`);
    const { nodeId: self } = this.identity;
    this.counters = new Counters();
    const db = await openDatabase(this.directory, {
      durability: { kind: 'simulated', clock: sim, delay: () => COMMIT },
      freeBytes: () => this.free,
    });
    const epochs = await sim.resolve(openLinkEpochs(db), 1000);
    const memory = new LinkMemory({ db, self, epochs, clock: sim, counters: this.counters });
    const sessions = new Sessions(
      {
        identity: this.identity,
        random,
        keyOf: () => undefined,
        handshakeCounter: () => ++this.#handshakes,
        memory: new SessionMemory(memory, 'lora', self),
      },
      sim.monotonic(),
    );
    const keys = new NeighbourhoodMemory(memory);
    const now = sim.monotonic();
    const ours = keys.restoreOurs(random, now) ?? new Neighbourhood(random, now, keys.fresh());
    const theirs = new OverheardNeighbourhoods();
    for (const { from, offer } of keys.restoreTheirs()) theirs.add(from, offer);
    keys.keep(() => ours, theirs);
    this.#running = { db, memory, sessions, ours, theirs };
    return this.#running;
  }

  /** In order: everything is saved. */
  async stop(): Promise<void> {
    const { db, memory } = this.is;
    await this.#sim.resolve(memory.close(), 1000);
    await this.#sim.resolve(db.close(), 1000);
    this.#running = undefined;
  }

  /** What is not durable is lost. */
  async pullThePlug(): Promise<void> {
    await this.is.db.abandon();
    this.#running = undefined;
  }

  /** A copy of the database as it is on the disk. */
  copy(): string {
    const copy = join(this.directory, `copy ${this.#copies++}`);
    cpSync(this.#database, copy, { recursive: true });
    return copy;
  }

  /** The database becomes this copy, while the box is off. The marks beside it stay. */
  putBack(copy: string): void {
    rmSync(this.#database, { recursive: true });
    cpSync(copy, this.#database, { recursive: true });
  }

  get #database(): string {
    return join(this.directory, 'db');
  }
}
