/** Solicits that were heard, or are this box's own: each stands until it is answered (docs/protocol/mesh.md). */
import { equal, toHex } from '../core/bytes.ts';
import type { NodeId } from '../identity/node-id.ts';
import type { Shared } from '../link/link.ts';
import type { Copies } from './copies.ts';
import { PREFIX_LENGTH } from './digest.ts';
import type { SolicitEntry } from './solicit.ts';

const MINUTE = 60_000;
/** Until its sender asks again. */
const REMEMBERED_MS = 270 * MINUTE;
const MOST_REMEMBERED = 2_048;
/** Indices that are nobody's: the parts of this box itself, and of all who are not linked. */
const OWN = -1;
const OTHERS = 0;

/** No answer is better. */
const SETTLED = { order: Number.POSITIVE_INFINITY, metric: 0 };

export interface OpenSolicit {
  readonly entry: SolicitEntry;
  readonly at: number;
  /** The neighbourhood index of whoever to answer to, by which it may be known only later; undefined: this box asked. */
  from: number | undefined;
  /** Who has sent it since it was to be passed on. */
  copies: Copies;
  /** Best answer given so far. */
  answered: { readonly order: number; readonly metric: number } | undefined;
}

export class OpenSolicits {
  readonly #shared: Pick<Shared, 'isMutual' | 'withIndex'>;
  /** By prefix and nonce, in the order heard; and the same by prefix alone. */
  readonly #all = new Map<string, OpenSolicit>();
  readonly #byPrefix = new Map<string, Set<OpenSolicit>>();
  /** By who asked: their neighbour's index, `OWN` or `OTHERS`. */
  readonly #parts = new Map<number, Set<OpenSolicit>>();
  readonly #partOf = new Map<OpenSolicit, number>();

  constructor(shared: Pick<Shared, 'isMutual' | 'withIndex'>) {
    this.#shared = shared;
  }

  get(entry: SolicitEntry): OpenSolicit | undefined {
    return this.#all.get(keyOf(entry));
  }

  /** Remembers one more, and forgets what is too old or too much: of whoever has asked most, the oldest. */
  add(open: OpenSolicit): void {
    this.#all.set(keyOf(open.entry), open);
    const prefix = toHex(open.entry.prefix);
    this.#byPrefix.set(prefix, (this.#byPrefix.get(prefix) ?? new Set()).add(open));
    this.#putIn(open);
    for (const old of this.#all.values()) {
      if (open.at - old.at <= REMEMBERED_MS) break;
      this.#forget(old);
    }
    while (this.#all.size > MOST_REMEMBERED) this.#makeRoom();
  }

  /** One that was heard from nobody who is linked is heard from a linked neighbour, who can be answered. */
  heardFrom(open: OpenSolicit, index: number): void {
    this.#takeOut(open);
    open.from = index;
    this.#putIn(open);
  }

  /** What stands at `now` about a node, of which `id` is at least the first 4 bytes. */
  about(id: Uint8Array, now: number): readonly OpenSolicit[] {
    const same = this.#byPrefix.get(toHex(id.subarray(0, PREFIX_LENGTH))) ?? [];
    return [...same].filter((o) => now - o.at <= REMEMBERED_MS);
  }

  /** What a neighbour has asked and stands at `now`. */
  of(id: NodeId, now: number): readonly OpenSolicit[] {
    return [...this.#all.values()].filter((o) => {
      const back = this.backOf(o);
      return back !== undefined && equal(back, id) && now - o.at <= REMEMBERED_MS;
    });
  }

  /** This box asks for that node no longer. */
  settle(id: NodeId): void {
    for (const open of this.#byPrefix.get(toHex(id.subarray(0, PREFIX_LENGTH))) ?? [])
      if (open.from === undefined) open.answered = SETTLED;
  }

  /** What was asked after `since`, stands at `now`, and nobody has been told anything of. */
  unanswered(since: number, now: number): readonly OpenSolicit[] {
    return [...this.#all.values()].filter((o) => !o.answered && o.at > since && now - o.at <= REMEMBERED_MS);
  }

  /** When others asked last for that node, after `since`; undefined: nobody has. */
  askedByOthers(id: NodeId, since: number): number | undefined {
    const asked = this.#byPrefix.get(toHex(id.subarray(0, PREFIX_LENGTH))) ?? [];
    const times = [...asked].flatMap(({ at, from }) => (from !== undefined && at > since ? at : []));
    return times.length > 0 ? Math.max(...times) : undefined;
  }

  /** The linked neighbour to answer to; undefined where there is none (yet), or where this box asked. */
  backOf({ from }: OpenSolicit): NodeId | undefined {
    return from === undefined ? undefined : this.linkedAt(from);
  }

  /** The linked neighbour with this neighbourhood index. */
  linkedAt(index: number): NodeId | undefined {
    return this.#shared.withIndex(index).find((id) => this.#shared.isMutual(id));
  }

  #makeRoom(): void {
    const most = [...this.#parts.values()].reduce((a, b) => (b.size > a.size ? b : a));
    const [oldest] = most;
    if (oldest) this.#forget(oldest);
  }

  #putIn(open: OpenSolicit): void {
    const { from } = open;
    const part = from === undefined ? OWN : this.linkedAt(from) ? from : OTHERS;
    this.#partOf.set(open, part);
    this.#parts.set(part, (this.#parts.get(part) ?? new Set()).add(open));
  }

  #takeOut(open: OpenSolicit): void {
    const part = this.#partOf.get(open) ?? OTHERS;
    this.#partOf.delete(open);
    const same = this.#parts.get(part);
    same?.delete(open);
    if (same?.size === 0) this.#parts.delete(part);
  }

  #forget(open: OpenSolicit): void {
    this.#takeOut(open);
    this.#all.delete(keyOf(open.entry));
    const prefix = toHex(open.entry.prefix);
    const same = this.#byPrefix.get(prefix);
    same?.delete(open);
    if (same?.size === 0) this.#byPrefix.delete(prefix);
  }
}

function keyOf({ nonce, prefix }: SolicitEntry): string {
  return `${toHex(prefix)} ${nonce}`;
}
