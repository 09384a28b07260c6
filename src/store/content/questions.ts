/** Questions to neighbours about objects, each matched to the record that answers it. */
import { toHex } from '../../core/bytes.ts';
import type { Clock } from '../../core/clock.ts';
import { type NodeId, nodeIdKey } from '../../identity/node-id.ts';
import { isWired, type Link, LinkFailed, type Neighbour, type Rec } from '../../link/link.ts';
import { SHORT_ID_LENGTH } from '../object.ts';

/** ms: somebody who is there and has it answers at once; whoever takes longer is left for another. */
const ANSWER_WAIT_MS = 2_000;
/** Where the answer has airtime. */
const SLOW_ANSWER_WAIT_MS = 60_000;

/** Makes of a record that answers what the question is after; undefined: it is no answer to this one. */
export type ReadAnswer<T> = (answer: Rec) => T | undefined;

interface Waiting {
  readonly read: (answer: Rec) => boolean;
  readonly over: Promise<unknown>;
}

export class Questions {
  readonly #link: Link;
  readonly #clock: Clock;
  /** By neighbour and what is asked about: one at a time. */
  readonly #waiting = new Map<string, Waiting>();

  constructor(link: Link, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
  }

  /**
   * Asks a neighbour about an object or owner (`about`: the first 8 bytes of its id or key). `away`: it is not there;
   * `silent`: it has the question, and has not answered in time.
   */
  async ask<T>(
    to: NodeId,
    about: Uint8Array,
    question: Rec,
    read: ReadAnswer<T>,
    reach: 'wired' | 'all' = 'wired',
  ): Promise<T | 'silent' | 'away'> {
    const neighbour = this.#link.neighbour(to);
    if (reach === 'wired' && !isWired(neighbour)) return 'away';
    const key = waitingKey(to, about);
    for (let other = this.#waiting.get(key); other; other = this.#waiting.get(key)) await other.over;
    const settled = new AbortController();
    let value: T | undefined;
    const asking = this.#send(neighbour, question, reach, settled.signal);
    const over = asking.finally(() => this.#waiting.delete(key));
    this.#waiting.set(key, {
      over,
      read: (answer) => {
        value ??= read(answer);
        if (value !== undefined) settled.abort();
        return value !== undefined;
      },
    });
    await over;
    return value ?? (await asking);
  }

  /** A record that answers came in, about this object or owner; whether it was asked for. */
  answered(from: NodeId, about: Uint8Array, answer: Rec): boolean {
    return this.#waiting.get(waitingKey(from, about))?.read(answer) ?? false;
  }

  /** Until it is answered, or cannot be. */
  async #send(
    neighbour: Neighbour,
    question: Rec,
    reach: 'wired' | 'all',
    settled: AbortSignal,
  ): Promise<'silent' | 'away'> {
    const wait = isWired(neighbour) ? ANSWER_WAIT_MS : SLOW_ANSWER_WAIT_MS;
    let outcome: 'silent' | 'away' = 'away';
    const late = this.#clock.sleep(wait, settled).catch(() => {});
    const sent = neighbour.send(question, { priority: 3, reach, settled }).then(
      () => {
        outcome = 'silent';
        return late;
      },
      (e) => {
        if (!(e instanceof LinkFailed)) throw e;
      },
    );
    await Promise.race([late, sent]);
    return outcome;
  }
}

function waitingKey(id: NodeId, about: Uint8Array): string {
  return `${nodeIdKey(id)} ${toHex(about.subarray(0, SHORT_ID_LENGTH))}`;
}
