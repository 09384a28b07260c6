/** Whom this box itself asks for, and when (docs/protocol/mesh.md, "Solicit"). */
import type { Cancel, Clock } from '../core/clock.ts';
import { below, type Random, uniform } from '../core/random.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { Link } from '../link/link.ts';
import { Copies } from './copies.ts';
import type { Destinations } from './destinations.ts';
import { PREFIX_LENGTH } from './digest.ts';
import type { FeasibilityDistances } from './feasibility.ts';
import { type Order, serialOf } from './freshness.ts';
import type { OpenSolicits } from './open-solicits.ts';
import type { PacedLink } from './paced-link.ts';
import { encodeSolicit, MOST_ENTRIES } from './solicit.ts';
import { WantedList } from './wanted.ts';

/** No other one for that prefix is begun for so long, ms. */
const OPEN_MS = 120_000;
/** A new link is asked within this time. */
const HASTE_MS = 2_000;
/** In the place of an index: only the node itself is asked, for its announce. */
export const NOBODY = 0;

interface Wanted {
  readonly id: NodeId;
  /** The order that is of no use; undefined: any route will do. */
  readonly above: Order | undefined;
}

export interface OwnSolicitsOptions {
  readonly link: Pick<Link, 'media' | 'shared'>;
  readonly paced: PacedLink;
  readonly open: OpenSolicits;
  readonly destinations: Destinations;
  readonly distances: FeasibilityDistances;
  readonly isTrusted: (id: NodeId) => boolean;
  readonly clock: Clock;
  readonly random: Random;
}

export class OwnSolicits {
  readonly #o: OwnSolicitsOptions;
  readonly #wanted = new WantedList<Wanted>();
  #timer: Cancel | undefined;

  constructor(options: OwnSolicitsOptions) {
    this.#o = options;
  }

  stop(): void {
    this.#timer?.();
  }

  /** Whether anybody is asked for. */
  get isWaiting(): boolean {
    return this.#wanted.nextAt() !== undefined;
  }

  /** As `Solicitor.want`. */
  want(id: NodeId, newer: boolean): void {
    const key = nodeIdKey(id);
    const above = newer ? this.#o.destinations.get(key)?.chain.order : undefined;
    this.#wanted.add(key, { id, above }, this.#o.clock.monotonic());
    this.#arm();
  }

  /** There is a route: whether it is one that was asked for, or nothing was. */
  isFound(id: NodeId): boolean {
    const key = nodeIdKey(id);
    const above = this.#wanted.get(key)?.above ?? Number.NEGATIVE_INFINITY;
    return (this.#o.destinations.get(key)?.chain.order ?? 0) > above;
  }

  unwant(id: NodeId): void {
    this.#wanted.remove(nodeIdKey(id));
    this.#o.open.settle(id);
  }

  /** There is a new link, and its other end may know. */
  hasten(): void {
    const { clock, random } = this.#o;
    this.#wanted.hasten(clock.monotonic() + HASTE_MS * uniform(random));
    this.#arm();
  }

  /** Asks one in earshot for its announce. */
  forKey(id: NodeId): void {
    const entry = { prefix: id.subarray(0, PREFIX_LENGTH), leastStep: 0, nonce: this.#nonce(), ring: 1 };
    const frame = encodeSolicit({ from: NOBODY, entries: [entry] });
    this.#o.paced.broadcast(frame, this.#o.isTrusted(id));
  }

  #arm(): void {
    const { clock } = this.#o;
    this.#timer?.();
    const at = this.#wanted.nextAt();
    if (at === undefined) return;
    this.#timer = clock.after(at - clock.monotonic(), () => {
      this.#ask();
      this.#arm();
    });
  }

  #ask(): void {
    const { clock, distances, isTrusted, link, open, paced } = this.#o;
    const now = clock.monotonic();
    // never while another one for that prefix is open
    this.#wanted.postpone(({ id }) => {
      const at = open.askedByOthers(id, now - OPEN_MS);
      return at === undefined ? undefined : at + OPEN_MS;
    });
    const due = this.#wanted.takeDue(now, MOST_ENTRIES);
    if (due.length === 0) return;
    const entries = due.map(({ value: { above, id }, ring }) => {
      const leastStep = leastOf(distances, nodeIdKey(id), above);
      const entry = { prefix: id.subarray(0, PREFIX_LENGTH), leastStep, nonce: this.#nonce(), ring };
      open.add({ entry, at: now, from: undefined, copies: new Copies(), answered: undefined });
      return entry;
    });
    const trusted = due.some(({ value }) => isTrusted(value.id));
    const frame = encodeSolicit({ from: link.shared.index, entries });
    const key = `own solicit ${entries[0]?.nonce}`;
    for (const { name: medium } of link.media)
      void paced.call({ key: `${key} ${medium}`, medium, trusted, need: 'now', frame: () => frame });
  }

  #nonce(): number {
    return below(this.#o.random, 0x10000);
  }
}

/** Serial of the least order of use here: newer than what was advertised of that node, and than `above`; 0: any. */
export function leastOf(distances: FeasibilityDistances, key: string, above?: Order): number {
  const distance = distances.of(key)?.order;
  if (distance === undefined && above === undefined) return 0;
  // 0 would say: any
  return serialOf(Math.max(distance ?? 0, above ?? 0) + 1) || 1;
}
