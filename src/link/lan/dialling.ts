/** Whom to dial, and when (docs/protocol/link.md, "The LAN"): pure bookkeeping; instances in hex, times in ms. */
import { type Random, uniform } from '../../core/random.ts';
import type { Address } from './net.ts';

const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;
/** Of two that hear each other's beacon the one with the higher instance lets the other dial first. */
const PATIENCE_MS = 3_000;
/** A proven connection that has lasted so long makes the next failure the first one again; one that others push out does not. */
const LASTED_MS = 60_000;
/** A box found by its beacon is forgotten after so many failures; its next beacon finds it again. */
const MOST_FAILS = 3;
/** Boxes known by their beacons. */
const MOST_FOUND = 64;
const MOST_FOUND_AT_ONE_HOST = 4;
/** Under way at once. */
const MOST_DIALS = 4;

/** The wait after so many failures in a row (from 1): doubling to a minute, half to three halves of it. */
export function redialDelay(fails: number, random: Random): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** (fails - 1)) * (0.5 + uniform(random));
}

export interface Target extends Address {
  /** By the configuration, and for good; else by a beacon. */
  readonly configured: boolean;
  /** Whom it turned out to be: the instance that was said there, and the node that has proven itself. */
  instance: string | undefined;
  owner: string | undefined;
  fails: number;
  /** Of the connection there is. */
  provenAt: number | undefined;
  nextAt: number;
  underway: boolean;
}

export class Dialling {
  readonly #own: string;
  readonly #random: Random;
  #targets: Target[];

  /** `own` is this box's instance. */
  constructor(own: string, peers: readonly Address[], random: Random) {
    this.#own = own;
    this.#random = random;
    this.#targets = peers.map(({ host, port }) => target(host, port, true, undefined, 0));
  }

  /** A beacon was heard; whether there was room for what it says. */
  found(host: string, port: number, instance: string, now: number): boolean {
    const isKnown = this.#targets.some((t) => t.instance === instance && (t.configured || t.host === host));
    if (instance === this.#own || isKnown) return true;
    const known = this.#targets.filter((t) => !t.configured);
    const there = known.filter((t) => t.host === host);
    if (known.length >= MOST_FOUND || there.length >= MOST_FOUND_AT_ONE_HOST) return false;
    const nextAt = this.#own < instance ? now : now + PATIENCE_MS;
    this.#targets.push(target(host, port, false, instance, nextAt));
    return true;
  }

  /** Those to be dialled now, marked as under way: each is to be told of by `connected` or `failed`. */
  due(now: number, isConnected: (target: Target) => boolean): Target[] {
    const isDue = (t: Target) => !t.underway && t.nextAt <= now && !isConnected(t);
    const free = MOST_DIALS - this.#targets.filter((t) => t.underway).length;
    const due = this.#targets.filter(isDue).slice(0, Math.max(free, 0));
    for (const t of due) t.underway = true;
    return due;
  }

  /** The other end has said who it is. */
  connected(t: Target, instance: string): void {
    t.instance = instance;
    t.underway = false;
  }

  /** The node there has proven itself. */
  proven(t: Target, owner: string, now: number): void {
    t.owner = owner;
    t.provenAt ??= now;
  }

  /** It was not reached, or its connection has ended: it is due again later. */
  failed(t: Target, now: number): void {
    t.underway = false;
    if (t.provenAt !== undefined && now - t.provenAt >= LASTED_MS) t.fails = 0;
    t.provenAt = undefined;
    t.fails++;
    t.nextAt = now + redialDelay(t.fails, this.#random);
    if (!t.configured && t.fails >= MOST_FAILS) this.forget(t);
  }

  /** It is this box itself, or of no use. */
  forget(t: Target): void {
    this.#targets = this.#targets.filter((other) => other !== t);
  }
}

function target(
  host: string,
  port: number,
  configured: boolean,
  instance: string | undefined,
  nextAt: number,
): Target {
  const unknown = { owner: undefined, provenAt: undefined };
  return { ...unknown, host, port, configured, instance, fails: 0, nextAt, underway: false };
}
