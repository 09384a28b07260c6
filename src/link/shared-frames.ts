/**
 * One transmission for all linked neighbours (docs/protocol/link.md, "Shared frames"): hands this node's key to those
 * it admits, takes theirs, and sends and opens what is shared.
 */
import type { Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { Event } from '../core/events.ts';
import type { Random } from '../core/random.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { SEALED_OVERHEAD, type SharedForm } from './frame.ts';
import type { IncomingRecord, Reach, Rec, SendOptions, Sent, Shared, SharedRecord } from './link.ts';
import type { LinkMemory } from './link-memory.ts';
import type { Priority, Submission } from './medium.ts';
import {
  decodeKeyOffer,
  type Member,
  MOST_MEMBERS,
  Neighbourhood,
  TAG_LENGTH,
  tagsLength,
} from './neighbourhood.ts';
import { NeighbourhoodMemory } from './neighbourhood-memory.ts';
import { OverheardNeighbourhoods } from './overheard-neighbourhoods.ts';
import { decodeRecords } from './records.ts';

/** A frame on its way to those members that are reached so. */
export interface SharedOutgoing {
  readonly priority: Priority;
  readonly estimatedBytes: number;
  readonly members: readonly NodeId[];
  readonly reach: Reach;
  /** The same bytes whenever it is asked for; undefined once the node has stopped. */
  readonly frame: () => Uint8Array | undefined;
}

export interface SharedFramesOptions {
  /** What every medium carries in one frame. */
  readonly mtu: () => number;
  /** ms on air of a frame of so many bytes that goes to these nodes. */
  readonly airtime: (bytes: number, members: readonly NodeId[], reach: Reach) => number;
  readonly submit: (outgoing: SharedOutgoing) => Promise<Submission>;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
  /** Delivers a record in a session. */
  readonly send: (to: NodeId, record: Rec, options: SendOptions) => Promise<Sent>;
  /** Where keys outlive a restart; nowhere unless said. */
  readonly memory?: LinkMemory;
}

export class SharedFrames implements Shared {
  readonly onMutual = new Event<NodeId>();
  /** Links that were mutual when this node started. */
  readonly resumed: readonly NodeId[];
  readonly #o: SharedFramesOptions;
  readonly #handlers = new Map<number, (shared: SharedRecord) => void>();
  readonly #memory: NeighbourhoodMemory | undefined;
  readonly #theirs = new OverheardNeighbourhoods();
  #ours: Neighbourhood;
  #accepts: (from: NodeId) => boolean = () => false;
  #stopped = false;
  /** Offers that want an answer: aborted when it has come. */
  readonly #asked = new Map<string, AbortController>();

  constructor(options: SharedFramesOptions) {
    const { clock, memory, random } = options;
    this.#o = options;
    this.#memory = memory && new NeighbourhoodMemory(memory);
    this.#ours = this.#memory?.restoreOurs(random, clock.monotonic()) ?? this.#fresh();
    for (const { from, offer } of this.#memory?.restoreTheirs() ?? []) this.#theirs.add(from, offer);
    this.resumed = this.members.filter((id) => this.isMutual(id));
    this.#memory?.keep(() => this.#ours, this.#theirs);
  }

  get index(): number {
    return this.#ours.index;
  }

  get members(): readonly NodeId[] {
    return this.#ours.members.map((m) => m.nodeId);
  }

  get room(): number {
    return this.#o.mtu() - SEALED_OVERHEAD - tagsLength(this.#ours.members.length) - 1;
  }

  isMutual(id: NodeId): boolean {
    return this.#theirs.has(id) && this.#ours.member(id)?.holds === true;
  }

  withIndex(index: number): readonly NodeId[] {
    return this.#theirs.withIndex(index);
  }

  indexOf(id: NodeId): number | undefined {
    return this.#theirs.indexOf(id);
  }

  onRecord(type: number, handler: (shared: SharedRecord) => void): void {
    if (this.#handlers.has(type)) throw new Error(`shared record type ${type} has a handler`);
    this.#handlers.set(type, handler);
  }

  onOffer(accepts: (from: NodeId) => boolean): void {
    this.#accepts = accepts;
  }

  async admit(id: NodeId, options: SendOptions): Promise<boolean> {
    const ours = this.#ours;
    const member = ours.admit(id);
    if (!member) return false;
    const before = this.isMutual(id);
    const wants = !this.#theirs.has(id);
    const answered = new AbortController();
    if (wants) this.#asked.set(nodeIdKey(id), answered);
    try {
      await this.#o.send(id, ours.offer(member, wants), { ...options, settled: answered.signal });
    } finally {
      this.#asked.delete(nodeIdKey(id));
    }
    // the key may have become another one meanwhile
    if (this.#ours !== ours || ours.member(id) !== member) return false;
    member.holds = true;
    this.#memory?.changed();
    this.#tell(id, before);
    return this.isMutual(id);
  }

  dismiss(id: NodeId): void {
    this.#theirs.remove(id);
    this.#memory?.changed();
    if (!this.#ours.member(id)) return;
    this.#renew(this.members.filter((m) => nodeIdKey(m) !== nodeIdKey(id)));
  }

  forget(id: NodeId): void {
    this.#theirs.remove(id);
    const member = this.#ours.member(id);
    if (member) member.holds = false;
    this.#memory?.changed();
  }

  airtime(bodyLength: number, reach: Reach): number {
    return this.#o.airtime(this.#length(bodyLength), this.members, reach);
  }

  send(record: Rec, priority: Priority, reach: Reach): Promise<Submission> {
    // members that have come since the record was made may leave no room for their tags
    const room = this.#o.mtu() - this.#length(record.body.length) + tagsLength(this.members.length);
    const most = Math.floor((room - tagsLength(0)) / TAG_LENGTH);
    let sealed: Uint8Array | undefined;
    return this.#o.submit({
      priority,
      reach,
      members: this.members,
      estimatedBytes: this.#length(record.body.length),
      frame: () => {
        // what waits for the channel may be granted it after the key is gone
        if (this.#stopped) return undefined;
        sealed ??= this.#seal(record, most);
        return sealed;
      },
    });
  }

  /** Record 33 came: its answer, where one is wanted, is this node's own key. */
  offered(incoming: IncomingRecord): void {
    const { id } = incoming.from;
    const offer = decodeKeyOffer(incoming.body);
    if (!offer) {
      this.#refuse('key');
      return;
    }
    const asked = this.#asked.get(nodeIdKey(id));
    if (!asked && !this.#theirs.has(id) && !this.#accepts(id)) {
      this.#refuse('key-unwanted');
      return;
    }
    const before = this.isMutual(id);
    this.#theirs.add(id, offer);
    this.#boundTheirs(id);
    const member = this.#ours.member(id);
    if (asked && member) member.holds = true;
    asked?.abort();
    if (offer.wantsYours) this.#answer(incoming, this.#ours.admit(id));
    this.#memory?.changed();
    this.#tell(id, before);
  }

  /** A shared frame came. `onOpened` is told before its records are handed on. */
  received(frame: SharedForm, onOpened: (from: NodeId) => void): void {
    const opened = this.#theirs.open(frame);
    if (typeof opened === 'string') {
      this.#o.counters.count(opened === 'other' ? 'link.overheard' : `link.refused.shared-${opened}`);
      return;
    }
    onOpened(opened.from);
    const records = decodeRecords(opened.records);
    if (!records) this.#refuse('records');
    const { from, slot } = opened;
    for (const { body, type } of records ?? []) {
      const handler = this.#handlers.get(type);
      if (handler) handler({ from, slot, body });
      else this.#refuse('shared-record');
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#ours.destroy();
    this.#theirs.clear();
  }

  #length(bodyLength: number): number {
    return SEALED_OVERHEAD + tagsLength(this.members.length) + 1 + bodyLength;
  }

  #seal(record: Rec, most: number): Uint8Array {
    // the disk has failed for long: nobody opens this frame, and all are handed the new key
    if (this.#ours.spent) this.#renew(this.members);
    const { generation } = this.#ours;
    const frame = this.#ours.seal([record], this.#o.clock.monotonic(), most);
    if (this.#ours.generation !== generation) this.#memory?.changed();
    return frame;
  }

  /** Keys of those who do not hold ours, and of whom there may be any number: the oldest go. */
  #boundTheirs(newest: NodeId): void {
    const others = this.#theirs.all.filter((id) => id !== newest && !this.#ours.member(id));
    for (const id of others.slice(0, Math.max(0, others.length - MOST_MEMBERS))) this.#theirs.remove(id);
  }

  /** Another key, which nobody holds yet. */
  #renew(members: readonly NodeId[]): void {
    this.#ours.destroy();
    this.#ours = this.#fresh();
    for (const member of members) this.#ours.admit(member);
    this.#memory?.changed();
  }

  #answer(incoming: IncomingRecord, member: Member | undefined): void {
    if (!member) return;
    incoming.reply(this.#ours.offer(member, false));
    member.holds = true;
  }

  #tell(id: NodeId, before: boolean): void {
    if (!before && this.isMutual(id)) this.onMutual.emit(id);
  }

  #refuse(reason: string): void {
    this.#o.counters.count(`link.refused.${reason}`);
  }

  #fresh(): Neighbourhood {
    return new Neighbourhood(this.#o.random, this.#o.clock.monotonic(), this.#memory?.fresh());
  }
}
