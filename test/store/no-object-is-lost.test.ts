/**
 * Rule 1 of docs/protocol/store.md, "Forwarding", on an abstract mesh: whatever is lost, repeated, late or restarted,
 * no object lacks a holder before its receipt, and none enters a node twice under one stamp. The mesh is a bag of
 * messages and any order of steps; what each node makes of them are the functions that a box runs.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodeIdFromKey, nodeIdKey } from '../../src/identity/node-id.ts';
import type { Candidate } from '../../src/mesh/routing.ts';
import { meetOffer, meetReturn, openTo } from '../../src/store/forwarding.ts';
import type { Stamp } from '../../src/store/stamp.ts';
import {
  freshTrace,
  type Trace,
  type TraceEvent,
  type TriedReason,
  transition,
  underSequence,
} from '../../src/store/trace.ts';
import { Transfers } from '../../src/store/transfers.ts';

const NODES = 5;
const SENDER = 0;
const RECIPIENT = NODES - 1;
const OBJECT = 1;
const secret = new Uint8Array(16);
const nameOf = (i: number) => i.toString(16).padStart(32, '0');
const indexOf = (name: string) => Number.parseInt(name, 16);

interface Message {
  readonly kind: 'offer' | 'return' | 'taken' | 'refuse' | 'receipt' | 'acknowledged';
  readonly from: number;
  readonly to: number;
  readonly stamp: Stamp;
  readonly hopsLeft: number;
  readonly reason: TriedReason | 'busy';
}

class Mesh {
  readonly traces: (Trace | undefined)[] = Array.from({ length: NODES }, () => undefined);
  transfers = Array.from({ length: NODES }, () => new Transfers());
  readonly messages: Message[] = [];
  readonly entries = new Set<string>();
  received = false;
  readonly #recipientThere: boolean;
  #now = 0;

  constructor(recipientThere: boolean) {
    this.#recipientThere = recipientThere;
    this.traces[SENDER] = freshTrace({ attempt: 0, sequence: 1 }, 60, undefined);
  }

  /** One step, chosen by three numbers. Steps that are not possible do nothing. */
  step(what: number, at: number, which: number): void {
    const i = at % (NODES - 1);
    if (what < 2) this.#give(i, which);
    else if (what < 6) this.#deliver(which, true);
    else if (what === 6)
      this.#deliver(which, false); // and it stays under way: a repetition
    else if (what === 7) this.messages.splice(which % (this.messages.length || 1), 1);
    else if (what === 8) this.#transfersAt(i).uncertain(OBJECT);
    else if (what === 9) this.#giveBack(i);
    else if (what === 10) this.#news(i, which);
    else this.transfers[i] = new Transfers(); // the plug is pulled: what is durable stays
  }

  get holders(): number {
    return this.traces.filter((t) => t?.state === 'held').length;
  }

  #transfersAt(i: number): Transfers {
    return this.transfers[i] as Transfers;
  }

  #give(i: number, which: number): void {
    const trace = this.traces[i];
    const transfers = this.#transfersAt(i);
    if (trace?.state !== 'held' || transfers.running(OBJECT)) return;
    const everybody = Array.from({ length: NODES }, (_, j): Candidate => {
      return { neighbour: nodeIdFromKey(nameOf(j)), metric: 1, direct: j === RECIPIENT };
    }).filter((_, j) => j !== i && (j !== RECIPIENT || this.#recipientThere));
    const open = openTo(trace, everybody, (c) => nodeIdKey(c.neighbour), this.#now);
    const to = open[which % (open.length || 1)];
    if (!to) return;
    const { attempt, hopsLeft, sequence } = trace;
    transfers.begin(OBJECT, nodeIdKey(to.neighbour), trace);
    this.#say('offer', i, indexOf(nodeIdKey(to.neighbour)), { attempt, sequence }, hopsLeft - 1);
  }

  #giveBack(i: number): void {
    const trace = this.traces[i];
    const giver = trace?.givers.at(-1);
    if (trace?.state !== 'held' || giver === undefined || this.#transfersAt(i).running(OBJECT)) return;
    const { attempt, sequence } = trace;
    this.#transfersAt(i).begin(OBJECT, giver, trace);
    this.#say('return', i, indexOf(giver), { attempt, sequence });
  }

  /** Time passes, a newer sequence is heard of, or the sender raises the attempt. */
  #news(i: number, which: number): void {
    const trace = this.traces[i];
    if (which % 3 === 0) this.#now += 1000;
    else if (which % 3 === 1 && trace?.state === 'held' && !this.#transfersAt(i).running(OBJECT))
      this.traces[i] = underSequence(trace, (trace.sequence + 1) & 0xffff);
    else if (which % 3 === 2) this.#change(SENDER, { kind: 'raised', hopsLeft: 60 });
  }

  #deliver(which: number, once: boolean): void {
    if (this.messages.length === 0) return;
    const k = which % this.messages.length;
    const message = this.messages[k] as Message;
    if (once) this.messages.splice(k, 1);
    const { from, kind, stamp, to } = message;
    if (kind === 'offer' || kind === 'return') {
      this.#offered(message);
    } else if (kind === 'receipt') {
      this.#change(to, { kind: 'receipt', secret });
      this.#say('acknowledged', to, from, stamp);
    } else if (kind === 'acknowledged') {
      this.#change(to, { kind: 'acknowledged', by: nameOf(from) });
    } else if (kind === 'taken') {
      if (this.#transfersAt(to).answeredBy(OBJECT, nameOf(from), stamp))
        this.#change(to, { kind: 'given', to: nameOf(from), stamp, askAt: 0 });
    } else {
      this.#refused(message);
    }
  }

  /** A refusal is heard by whoever waits for an answer of that neighbour. */
  #refused(message: Message): void {
    const { from, to } = message;
    const transfers = this.#transfersAt(to);
    if (!transfers.running(OBJECT) || transfers.uncertainTo(OBJECT) !== nameOf(from)) return;
    transfers.end(OBJECT);
    const trace = this.traces[to];
    if (message.reason === 'busy' || trace?.state !== 'held') return;
    const tried = { neighbour: nameOf(from), reason: message.reason, until: this.#now + 500 };
    this.#change(to, { kind: 'refused', tried, stamp: { attempt: trace.attempt, sequence: trace.sequence } });
  }

  #offered({ from, hopsLeft, kind, stamp, to }: Message): void {
    if (to === RECIPIENT) {
      this.received = true;
      this.#say('receipt', to, from, stamp);
      return;
    }
    const trace = this.traces[to];
    const transfers = this.#transfersAt(to);
    const by = nameOf(from);
    const meet = kind === 'offer' ? meetOffer : meetReturn;
    const meeting = meet(trace, by, stamp, transfers.running(OBJECT));
    const event: TraceEvent =
      kind === 'offer' ? { kind: 'offered', by, stamp, hopsLeft } : { kind: 'returned', by, stamp };
    if (meeting === 'take' || meeting === 'have') {
      if (meeting === 'have') transfers.end(OBJECT);
      if (meeting === 'take' && kind === 'offer') {
        const entry = `${to} ${stamp.attempt} ${stamp.sequence}`;
        expect(this.entries, 'a node is entered twice under one stamp').not.toContain(entry);
        this.entries.add(entry);
      }
      if (trace) this.#change(to, event);
      else this.traces[to] = freshTrace(stamp, hopsLeft, by);
      this.#say('taken', to, from, stamp);
    } else if (meeting === 'receipt') this.#say('receipt', to, from, stamp);
    else if (meeting !== 'unreadable')
      this.#say('refuse', to, from, stamp, 0, meeting === 'crowded' ? 'policy' : meeting);
  }

  #change(i: number, event: TraceEvent): void {
    const before = this.traces[i];
    const after = before && transition(before, event);
    if (!after) return;
    this.traces[i] = after;
    if (before.state === 'held' && after.state !== 'held') this.#transfersAt(i).end(OBJECT);
    if (before.state !== 'receipted' && after.state === 'receipted')
      for (const giver of after.givers) this.#say('receipt', i, indexOf(giver), { attempt: 0, sequence: 0 });
  }

  #say(
    kind: Message['kind'],
    from: number,
    to: number,
    stamp: Stamp,
    hopsLeft = 0,
    reason: Message['reason'] = 'busy',
  ): void {
    this.messages.push({ kind, from, to, stamp, hopsLeft, reason });
  }
}

const steps = fc.array(fc.tuple(fc.nat(11), fc.nat(NODES - 2), fc.nat(1000)), {
  minLength: 100,
  maxLength: 400,
  size: 'max',
});

describe('whatever is lost, repeated, late or restarted', () => {
  test.each([
    ['is away: somebody holds the object', false, 800],
    ['is there: somebody holds the object until it has it', true, 300],
  ])('the recipient %s', (_what, there, numRuns) => {
    fc.assert(
      fc.property(steps, (all) => {
        const mesh = new Mesh(there);
        for (const [what, at, which] of all) {
          mesh.step(what, at, which);
          expect(mesh.received || mesh.holders > 0, 'nobody holds the object').toBe(true);
        }
      }),
      { numRuns, seed: 7 },
    );
  });

  test('and these runs do go everywhere: copies, returns, renewed attempts, receipts', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(steps, (all) => {
        const mesh = new Mesh(true);
        for (const [what, at, which] of all) {
          mesh.step(what, at, which);
          if (mesh.holders > 1) seen.add('two holders');
          if (mesh.traces[SENDER]?.state === 'receipted') seen.add('receipt at the sender');
          for (const t of mesh.traces)
            if (t && 'attempt' in t && t.attempt > 1 && t.givers.length > 2) seen.add('many givers');
        }
        for (const m of mesh.messages) seen.add(`${m.kind}${m.kind === 'refuse' ? ` ${m.reason}` : ''}`);
      }),
      { numRuns: 600, seed: 8 },
    );
    expect([...seen].sort()).toEqual(
      expect.arrayContaining([
        'many givers',
        'receipt at the sender',
        'refuse busy',
        'refuse seen',
        'return',
        'taken',
        'two holders',
      ]),
    );
  });
});
