/** What waits to be delivered to one neighbour: records and transfers, each with a promise to whoever gave it. */
import { failed } from './failures.ts';
import { LinkFailed, type Rec, type SendOptions, type Sent } from './link.ts';
import type { Priority } from './medium.ts';
import type { OutgoingFragments } from './outgoing.ts';
import { byLength, contentLength } from './records.ts';
import type { Live } from './sessions.ts';
import { MOST_TRIES } from './timing.ts';

/** Of one neighbour. */
const MOST_ERRANDS = 64;
const MOST_RECORD_BYTES = 16_384;

interface Common {
  readonly priority: Priority;
  readonly spent: SendOptions['spent'];
  readonly paysHandshake: boolean;
  /** Tries in a row that went unanswered, and how many may. */
  tries: number;
  readonly mostTries: number;
  /** The first frame of it that went out under that session: any answer to it shows that this frame has opened. */
  first: { readonly live: Live; readonly n: bigint } | undefined;
  done: boolean;
  readonly finish: (how: Sent | LinkFailed) => void;
}

export interface RecordErrand extends Common {
  readonly kind: 'record';
  readonly record: Rec;
}

export interface TransferErrand extends Common {
  readonly kind: 'transfer';
  readonly fragments: OutgoingFragments;
  readonly pushed: boolean;
  /** The session its fragments went out under. */
  live: Live | undefined;
  /** Fragments that went out since, in a burst that was cut before it asked for an answer. */
  unasked: number;
  /** Answers in a row that brought nothing new. */
  barren: number;
}

export type Errand = RecordErrand | TransferErrand;

export type ErrandContent =
  | { readonly kind: 'record'; readonly record: Rec }
  | { readonly kind: 'transfer'; readonly fragments: OutgoingFragments; readonly pushed: boolean };

export class Errands {
  /** In the order they came. */
  #waiting: Errand[] = [];

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  /** The most urgent one, of these the first. */
  get first(): Errand | undefined {
    return this.#waiting.reduce<Errand | undefined>(
      (best, e) => (best && best.priority <= e.priority ? best : e),
      undefined,
    );
  }

  /** How many tries in a row may go unanswered before all is given up. */
  get mostTries(): number {
    return this.#waiting.length > 0 ? Math.max(...this.#waiting.map((e) => e.mostTries)) : MOST_TRIES;
  }

  /** Takes one in. `onDone` is told when it is done, delivered or not. */
  add(
    content: ErrandContent,
    options: SendOptions,
    onDone: (errand: Errand, how: Sent | LinkFailed) => void,
  ): Promise<Sent> {
    const { paysHandshake = false, priority, settled, spent, tries: mostTries = MOST_TRIES } = options;
    if (settled?.aborted) return Promise.resolve('answered');
    if (!this.#hasRoom(content)) return Promise.reject(failed('queue-full'));
    return new Promise((resolve, reject) => {
      const onSettled = () => finish('answered');
      const finish = (how: Sent | LinkFailed) => {
        if (errand.done) return;
        errand.done = true;
        settled?.removeEventListener('abort', onSettled);
        this.#waiting = this.#waiting.filter((e) => e !== errand);
        if (how instanceof LinkFailed) reject(how);
        else resolve(how);
        onDone(errand, how);
      };
      const given = { priority, spent, paysHandshake, mostTries };
      const common = { ...given, tries: 0, first: undefined, done: false, finish };
      const errand: Errand =
        content.kind === 'record'
          ? { ...content, ...common }
          : { ...content, ...common, live: undefined, unasked: 0, barren: 0 };
      settled?.addEventListener('abort', onSettled, { once: true });
      this.#waiting.push(errand);
    });
  }

  /** The transfer with this id. */
  transfer(id: number): TransferErrand | undefined {
    return this.#waiting.find((e): e is TransferErrand => e.kind === 'transfer' && e.fragments.id === id);
  }

  /** The records for one frame with `room` for its content: `lead`, and whatever else fits, the urgent ones first. */
  pack(lead: RecordErrand, room: number): RecordErrand[] {
    const others = this.#waiting
      .filter((e): e is RecordErrand => e.kind === 'record' && e !== lead)
      .sort((a, b) => a.priority - b.priority);
    const chosen = [lead];
    for (const errand of others) {
      const records = [...chosen, errand].map((e) => e.record).sort(byLength);
      if (contentLength(records) <= room) chosen.push(errand);
    }
    return chosen.sort((a, b) => byLength(a.record, b.record));
  }

  /** Ends those of this priority and less urgent ones. */
  fail(reason: LinkFailed['reason'], from: Priority = 0): void {
    for (const e of this.#waiting.filter((w) => w.priority >= from)) e.finish(failed(reason));
  }

  #hasRoom(content: ErrandContent): boolean {
    if (this.#waiting.length >= MOST_ERRANDS) return false;
    if (content.kind === 'transfer') return true;
    const bytes = this.#waiting.reduce((n, e) => n + (e.kind === 'record' ? e.record.body.length : 0), 0);
    return bytes + content.record.body.length <= MOST_RECORD_BYTES;
  }
}

/** Tells each errand its share of what went out, by length. */
export function account(errands: readonly Errand[], bytes: number, airtimeMs: number): void {
  const lengthOf = (e: Errand) => (e.kind === 'record' ? e.record.body.length + 1 : 1);
  const total = errands.reduce((n, e) => n + lengthOf(e), 0);
  for (const e of errands) {
    const share = lengthOf(e) / total;
    e.spent?.(Math.round(bytes * share), airtimeMs * share);
  }
}
