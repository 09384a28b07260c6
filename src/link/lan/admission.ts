/** Which connections a box keeps (docs/protocol/link.md, "The LAN"): pure decisions over what is there. */

/** In all, and from one address. */
export const MOST_CONNECTIONS = 64;
export const MOST_OF_ADDRESS = 8;
/** Of nodes that are no contacts: where all places are taken, those beyond give way. */
export const MOST_OF_STRANGERS = 48;
/** ms: of two that both ends dialled within this, both drop the same one. */
const AT_ONCE_MS = 10_000;

export interface Kept {
  readonly via: string;
  readonly remote: string;
  /** By this box. */
  readonly dialled: boolean;
  /** Hex; undefined until the other end has said it. */
  readonly instance: string | undefined;
  /** Whose frame has opened that came by it; undefined while none has. */
  readonly owner: string | undefined;
  /** The owner is no contact, and its address is not one that somebody has configured. */
  readonly stranger: boolean;
  readonly since: number;
}

export type Admission =
  /** `evicted` makes room for it. */
  { readonly admitted: true; readonly evicted?: string } | { readonly admitted: false };

/**
 * Whether one more may come. Where all places are taken, the oldest that nobody has proven gives way; else, since
 * identities cost nothing, the youngest of strangers that have more than their part.
 */
export function admit(kept: readonly Kept[], remote: string): Admission {
  if (kept.filter((k) => k.remote === remote).length >= MOST_OF_ADDRESS) return { admitted: false };
  if (kept.length < MOST_CONNECTIONS) return { admitted: true };
  const [oldest] = kept.filter((k) => k.owner === undefined).sort((a, b) => a.since - b.since);
  if (oldest) return { admitted: true, evicted: oldest.via };
  const strangers = kept.filter((k) => k.stranger).sort((a, b) => b.since - a.since);
  const [youngest] = strangers;
  if (!youngest || strangers.length <= MOST_OF_STRANGERS) return { admitted: false };
  return { admitted: true, evicted: youngest.via };
}

/**
 * The connections to drop once `proven` has been: others with that instance, which anybody can claim, of the same node,
 * or from the same address and nobody's yet. Of two of that node the one dialled by the lower instance stays where they
 * are as old, so that both ends drop the same; else the newer one, because whoever dials again has lost the older.
 */
export function superfluous(kept: readonly Kept[], proven: Kept, own: string): string[] {
  const { instance } = proven;
  if (instance === undefined) return [];
  const isSame = (k: Kept) => (k.owner === undefined ? k.remote === proven.remote : k.owner === proven.owner);
  const others = kept.filter((k) => k.instance === instance && k.via !== proven.via && isSame(k));
  const dialler = (k: Kept) => (k.dialled ? own : instance);
  const better = (a: Kept, b: Kept): boolean => {
    if (b.owner === undefined) return true;
    const apart = Math.abs(a.since - b.since) >= AT_ONCE_MS || dialler(a) === dialler(b);
    return apart ? a.since >= b.since : dialler(a) < dialler(b);
  };
  return others.map((other) => (better(proven, other) ? other.via : proven.via));
}
