/**
 * This node's own mailboxes: up to two neighbours that keep its mail while it is away, chosen, registered with and
 * replaced here (docs/protocol/store.md, "Mailboxes"). Who they are survives a restart.
 */
import { type Cancel, type Clock, every } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { Event } from '../core/events.ts';
import { logByteOf } from '../core/log-byte.ts';
import { type Random, uniform } from '../core/random.ts';
import { fixed, u32 } from '../db/codecs.ts';
import { type Db, isDurable, type Table, type Tx } from '../db/db.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdFrom, nodeIdKey } from '../identity/node-id.ts';
import type { Link } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import { MOST_MAILBOXES } from '../mesh/announce.ts';
import { CAPABILITY } from '../mesh/beacon.ts';
import type { Heard } from '../mesh/earshot.ts';
import type { Router } from '../mesh/router.ts';
import { Questions } from './questions.ts';
import { encodeSubscribe, MAIL, type Subscribed } from './records.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** After a link has come about: time for others, so that there is a choice, and for mail; airtimes of a registration. */
const CHOICE = 300;
const SHORTEST_CHOICE = SECOND;
/** Bytes of a registration and its answer. */
const REGISTRATION = 59;
/** Registrations last so long, and are renewed daily. */
const LASTS = logByteOf(30 * 24 * 60);
const RENEWED_EVERY = 24 * HOUR;
const LOOK_EVERY = 10 * MINUTE;
/**
 * A registration that a mailbox could not prove is tried again once it has heard the announce; one that came without
 * an answer, or not at all, after longer. Each doubles, so many times at most, until one is kept.
 */
const UNKNOWN_PAUSE = 10 * SECOND;
const UNANSWERED_PAUSE = MINUTE;
const FAILED_PAUSE = LOOK_EVERY;
const DOUBLED_AT_MOST = 6;
/** One that did not answer and is heard again is tried after so long at most. */
const HEARD_PAUSE = HOUR;
const REFUSED_PAUSE = 24 * HOUR;
/** A mailbox that is silent for so many T0 is replaced. */
const SILENT_T0 = 3;

export interface OwnMailboxesOptions {
  readonly db: Db;
  readonly link: Link;
  readonly router: Pick<Router, 'neighbours' | 'handOver' | 'knownAs' | 'announceTo' | 't0Ms' | 'onHeard'>;
  /** Who a person has named as mailboxes; where there are any, no others are taken. */
  readonly named: () => readonly NodeId[];
  readonly isContact: (id: NodeId) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
}

interface Mailbox {
  readonly id: NodeId;
  /** `Clock.monotonic()`: last heard, or this node's start. */
  heardAt: number;
  /** Heard since the start, and since a registration that went unanswered. */
  isHeard: boolean;
  /** Confirmed since the start. */
  isRegistered: boolean;
  /** When it is registered with again. */
  dueAt: number;
  /** Registrations since one was kept. */
  failures: number;
}

export class OwnMailboxes {
  /** One has confirmed its registration. */
  readonly onRegistered = new Event<NodeId>();
  readonly #o: OwnMailboxesOptions;
  readonly #table: Table<Uint8Array, number>;
  /** The first chosen first. */
  readonly #all = new Map<string, Mailbox>();
  /** Until when those that refused are not asked again. */
  readonly #refused = new Map<string, number>();
  readonly #questions: Questions;
  readonly #cancels: Cancel[] = [];
  #timer: Cancel | undefined;
  /** For the next that is due. */
  #dueTimer: Cancel | undefined;
  #busy = false;
  #stopped = false;

  constructor(options: OwnMailboxesOptions) {
    this.#o = options;
    this.#questions = new Questions(options.link);
    const { clock, db } = options;
    this.#table = db.table({ name: 'own-mailbox', key: fixed(NODE_ID_LENGTH), value: u32 });
    const rows = db.read((tx) => [...tx.range(this.#table)]);
    for (const { key } of rows.sort((a, b) => a.value - b.value))
      this.#add(nodeIdFrom(key.slice()), clock.monotonic(), false);
  }

  start(): void {
    const { clock, link, random, router } = this.#o;
    const soon = () => {
      const choice = this.#o.named().length > 0 ? 0 : CHOICE * (link.airtime(REGISTRATION) ?? 0);
      const wait = Math.max(SHORTEST_CHOICE, choice);
      this.#look(wait * (1 + uniform(random)));
    };
    this.#cancels.push(
      link.shared.onMutual.on((id) => {
        const known = this.#all.get(nodeIdKey(id));
        if (!known) return soon();
        known.isHeard = true;
        known.dueAt = Math.min(known.dueAt, clock.monotonic());
        this.#look(SECOND);
      }),
      router.onHeard.on((id) => this.#heard(id)),
      every(clock, LOOK_EVERY, () => this.#look(0)),
    );
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.();
    this.#dueTimer?.();
    for (const cancel of this.#cancels) cancel();
  }

  /** A sign of life. Comes with every frame. */
  #heard(id: NodeId): void {
    const mailbox = this.#all.get(nodeIdKey(id));
    if (!mailbox) return;
    const now = this.#o.clock.monotonic();
    mailbox.heardAt = now;
    if (mailbox.isHeard) return;
    mailbox.isHeard = true;
    if (mailbox.failures > 0) mailbox.dueAt = Math.min(mailbox.dueAt, now + HEARD_PAUSE);
    this.#look(SECOND);
  }

  /** At most two, the first chosen first. */
  get ids(): readonly NodeId[] {
    return [...this.#all.values()].map((m) => m.id);
  }

  has(id: NodeId): boolean {
    return this.#all.has(nodeIdKey(id));
  }

  /** Whether it has confirmed since this node was started. */
  isRegistered(id: NodeId): boolean {
    return this.#all.get(nodeIdKey(id))?.isRegistered ?? false;
  }

  /** The answer of a mailbox. */
  async confirmed(from: NodeId, { outcome, serial }: Subscribed): Promise<void> {
    const { clock, counters, router } = this.#o;
    this.#questions.answered(from, MAIL);
    const key = nodeIdKey(from);
    const mailbox = this.#all.get(key);
    const now = clock.monotonic();
    if (!mailbox) {
      counters.count('pub.refused.unasked-answer');
      return;
    }
    if (outcome === 'kept') {
      mailbox.isRegistered = true;
      mailbox.failures = 0;
      mailbox.dueAt = now + RENEWED_EVERY;
      this.onRegistered.emit(from);
      await router.knownAs(serial);
    } else if (outcome === 'unknown') {
      router.announceTo(from);
      mailbox.dueAt = now + this.#pause(UNKNOWN_PAUSE, mailbox);
    } else {
      this.#refused.set(key, now + REFUSED_PAUSE);
      await this.#drop(mailbox);
    }
    this.#look(SECOND);
  }

  #add(id: NodeId, now: number, isHeard: boolean): void {
    this.#all.set(nodeIdKey(id), { id, heardAt: now, isHeard, isRegistered: false, dueAt: now, failures: 0 });
  }

  #look(inMs: number): void {
    if (this.#stopped) return;
    this.#timer?.();
    this.#timer = this.#o.clock.after(inMs, () => void this.#work());
  }

  async #work(): Promise<void> {
    if (this.#busy) return this.#look(SECOND);
    this.#busy = true;
    await this.#replaceSilent();
    await this.#choose();
    await this.#register();
    this.#busy = false;
    this.#armDue();
  }

  #armDue(): void {
    const { clock, link } = this.#o;
    this.#dueTimer?.();
    if (this.#stopped) return;
    const open = [...this.#all.values()].filter((m) => m.isHeard && link.shared.isMutual(m.id));
    const dueAt = Math.min(...open.map((m) => m.dueAt));
    if (Number.isFinite(dueAt))
      this.#dueTimer = clock.after(Math.max(SECOND, dueAt - clock.monotonic()), () => this.#look(0));
  }

  async #replaceSilent(): Promise<void> {
    const { clock, counters, router } = this.#o;
    const now = clock.monotonic();
    for (const mailbox of [...this.#all.values()]) {
      const named = this.#o.named();
      const isWanted = named.length === 0 || named.some((id) => nodeIdKey(id) === nodeIdKey(mailbox.id));
      if (isWanted && (now - mailbox.heardAt < SILENT_T0 * router.t0Ms || this.#candidates().length === 0))
        continue;
      counters.count('pub.mailbox-replaced');
      await this.#drop(mailbox);
    }
  }

  async #choose(): Promise<void> {
    const { clock } = this.#o;
    for (const { nodeId } of this.#candidates().slice(0, MOST_MAILBOXES - this.#all.size)) {
      if (!(await this.#write((tx) => tx.put(this.#table, nodeId, this.#all.size)))) return;
      this.#add(nodeId, clock.monotonic(), true);
    }
  }

  /** Linked neighbours that store, and are no mailbox yet: those trusted first, then those best heard. */
  #candidates(): Heard[] {
    const { clock, isContact, link, named, router } = this.#o;
    const now = clock.monotonic();
    const names = named().map(nodeIdKey);
    return router
      .neighbours()
      .filter(({ capabilities = 0, key, nodeId }) => {
        if (this.#all.has(key) || (this.#refused.get(key) ?? 0) > now) return false;
        if (names.length > 0) return names.includes(key) && link.shared.isMutual(nodeId);
        return (capabilities & CAPABILITY.storage) !== 0 && link.shared.isMutual(nodeId);
      })
      .sort((a, b) => Number(isContact(b.nodeId)) - Number(isContact(a.nodeId)) || a.meter.etx - b.meter.etx);
  }

  /** With all that are due and there. */
  async #register(): Promise<void> {
    const { clock, link } = this.#o;
    for (const mailbox of [...this.#all.values()]) {
      const { id } = mailbox;
      if (mailbox.dueAt > clock.monotonic() || !mailbox.isHeard || !link.shared.isMutual(id)) continue;
      mailbox.isHeard = false;
      const isSent = await this.#subscribe(id);
      mailbox.isHeard ||= isSent;
      // its answer moves this on
      if (mailbox.dueAt > clock.monotonic()) continue;
      mailbox.dueAt = clock.monotonic() + this.#pause(isSent ? UNANSWERED_PAUSE : FAILED_PAUSE, mailbox);
    }
  }

  /** ms; the mailbox has failed once more. */
  #pause(first: number, mailbox: Mailbox): number {
    const doubled = 2 ** Math.min(mailbox.failures++, DOUBLED_AT_MOST);
    return first * doubled * (1 + 0.2 * uniform(this.#o.random));
  }

  async #subscribe(id: NodeId): Promise<boolean> {
    const step = await this.#o.router.handOver();
    if (!step) return false;
    const body = encodeSubscribe({
      number: MAIL,
      topic: { kind: 'node' },
      delivery: 'pull-hint',
      lasts: LASTS,
      step,
    });
    return this.#questions.ask(id, MAIL, { type: RECORD.subscribe, body }, 2);
  }

  async #drop({ id }: Mailbox): Promise<void> {
    this.#all.delete(nodeIdKey(id));
    await this.#write((tx) => tx.remove(this.#table, id));
  }

  #write(change: (tx: Tx) => void): Promise<boolean> {
    return isDurable(this.#o.db.commit(change, { housekeeping: true }));
  }
}
