/**
 * What became of one object for one recipient: one union, one transition table (docs/protocol/store.md, "Trace").
 * Recovery after a crash starts from the stored trace.
 */

/** Whom a receipt is owed to: NodeIds in hex. */
export type Trace =
  /** We have it and are answerable for it. `givers` is empty where it is our own. */
  | { readonly state: 'held'; readonly givers: readonly string[] }
  /** A neighbour has taken custody; no receipt yet. */
  | { readonly state: 'handed-on'; readonly givers: readonly string[]; readonly taker: string }
  /** The recipient's secret is known; it is still owed to `givers`. */
  | { readonly state: 'receipted'; readonly givers: readonly string[]; readonly secret: Uint8Array }
  /** The recipient has said, signed, that it cannot open it. */
  | { readonly state: 'unreadable' }
  | { readonly state: 'expired' };

export type TraceEvent =
  | { readonly kind: 'custody'; readonly by: string }
  | { readonly kind: 'receipt'; readonly secret: Uint8Array }
  /** The giver acknowledged the receipt. */
  | { readonly kind: 'receipted'; readonly by: string }
  | { readonly kind: 'offered-again'; readonly by: string }
  | { readonly kind: 'unreadable' }
  | { readonly kind: 'expire' };

/** The trace after `event`; undefined where it changes nothing. */
export function transition(trace: Trace, event: TraceEvent): Trace | undefined {
  switch (trace.state) {
    case 'held':
    case 'handed-on':
      return underway(trace, event);
    case 'receipted':
      return receipted(trace, event);
    case 'unreadable':
    case 'expired':
      return undefined;
  }
}

type Underway = Extract<Trace, { state: 'held' | 'handed-on' }>;

function underway(trace: Underway, event: TraceEvent): Trace | undefined {
  const { givers } = trace;
  switch (event.kind) {
    case 'custody':
      return trace.state === 'held' ? { state: 'handed-on', givers, taker: event.by } : undefined;
    case 'receipt':
      return { state: 'receipted', givers, secret: event.secret };
    case 'offered-again':
      return givers.includes(event.by) ? undefined : { ...trace, givers: [...givers, event.by] };
    case 'unreadable':
      return { state: 'unreadable' };
    case 'expire':
      return { state: 'expired' };
    case 'receipted':
      return undefined;
  }
}

function receipted(trace: Extract<Trace, { state: 'receipted' }>, event: TraceEvent): Trace | undefined {
  if (event.kind !== 'receipted' || !trace.givers.includes(event.by)) return undefined;
  return { ...trace, givers: trace.givers.filter((g) => g !== event.by) };
}
