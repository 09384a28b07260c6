/**
 * The connections of a medium and the nodes at their other ends: who speaks first, what a handshake costs there, and
 * whose each has turned out to be (docs/protocol/link.md, "The LAN"). A medium without connections has none of it.
 */
import type { Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { Courtesy } from './courtesy.ts';
import type { Medium, Reception } from './medium.ts';
import { Newcomers } from './newcomers.ts';
import { Owners } from './owners.ts';

export interface ConnectedNodesOptions {
  readonly medium: Medium;
  readonly own: NodeId;
  readonly isStranger: (id: NodeId) => boolean;
  /** Asks a node for a sign that a connection is its own. */
  readonly greet: (id: NodeId) => void;
  readonly clock: Clock;
  readonly counters: Counters;
}

export class ConnectedNodes {
  readonly #options: ConnectedNodesOptions;
  readonly #courtesy: Courtesy;
  readonly #newcomers: Newcomers;
  readonly #owners = new Owners();

  constructor(options: ConnectedNodesOptions) {
    const { clock, counters, greet, own } = options;
    this.#options = options;
    this.#newcomers = new Newcomers(clock, counters);
    this.#courtesy = new Courtesy({
      ...{ clock, own },
      isOwned: (via) => this.#owners.has(via),
      greet: (id, via) => this.#newcomers.enter(via, () => greet(id)),
    });
  }

  /** The connection of a node, where that is known; of several the one used last. */
  of(id: NodeId): string | undefined {
    return this.#owners.of(id);
  }

  /** Every node whose connection is known. */
  all(): readonly NodeId[] {
    return this.#owners.all();
  }

  /** A node has named itself on a connection, which proves nothing yet. */
  met(id: NodeId, via: string): void {
    this.#courtesy.met(id, via);
  }

  /** A frame of a node has opened that came by `via`. */
  proven(id: NodeId, via: string): void {
    const { isStranger, medium } = this.#options;
    if (this.#owners.note(via, id)) medium.connections?.prove(via, nodeIdKey(id), isStranger(id));
  }

  /** Does it at once where it costs nothing, or where it came by the air, which has a budget, or from somebody who is trusted. */
  inTurn(costs: boolean, reception: Reception, work: (reception: Reception) => void): void {
    const { clock, isStranger } = this.#options;
    const { via } = reception;
    const owner = via === undefined ? undefined : this.#owners.at(via);
    const isTrusted = owner !== undefined && !isStranger(owner);
    if (via === undefined || !costs || isTrusted) work(reception);
    // the time for an answer begins when there is one
    else this.#newcomers.enter(via, () => work({ ...reception, at: clock.monotonic() }));
  }

  /** A connection has ended: the node that has none any more by that. */
  ended(via: string): NodeId | undefined {
    this.#courtesy.ended(via);
    this.#newcomers.ended(via);
    const owner = this.#owners.ended(via);
    return owner && this.#owners.of(owner) === undefined ? owner : undefined;
  }

  stop(): void {
    this.#courtesy.stop();
    this.#newcomers.stop();
  }
}
