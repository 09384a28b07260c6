/** What is known of one neighbour, and the handle by which the rooms above speak to it. */
import type { Clock } from '../core/clock.ts';
import type { NodeId } from '../identity/node-id.ts';
import type { Conversation } from './conversation.ts';
import { fragmentRoom } from './fragments.ts';
import { SEALED_OVERHEAD } from './frame.ts';
import type { IncomingTransfers } from './incoming.ts';
import type { LinkQuality, Neighbour, OutgoingTransfer, Rec, SendOptions, Sent } from './link.ts';
import type { Medium, Reception } from './medium.ts';
import type { ByteRange } from './ranges.ts';
import { contentLength } from './records.ts';
import type { Sessions } from './sessions.ts';
import type { StrangersAir } from './strangers-air.ts';
import { burstLength } from './timing.ts';
import type { TransferIds } from './transfer-ids.ts';

export interface PeerOptions {
  readonly id: NodeId;
  readonly medium: Medium;
  readonly conversation: Conversation;
  readonly sessions: Sessions;
  readonly incoming: IncomingTransfers;
  readonly transferIds: TransferIds;
  /** What may be sent to answer strangers; undefined: everything. */
  readonly strangers: StrangersAir | undefined;
  readonly clock: Clock;
}

/** Lives as long as there is a session or something to say. */
export class Peer {
  readonly #options: PeerOptions;
  #reception: Reception | undefined;

  constructor(options: PeerOptions) {
    this.#options = options;
  }

  get conversation(): Conversation {
    return this.#options.conversation;
  }

  get quality(): LinkQuality {
    const { asked, answered, answeredBytes } = this.conversation;
    const { at, rssiDbm, snrDb } = this.#reception ?? {};
    return { heardAt: at, rssiDbm, snrDb, asked, answered, answeredBytes };
  }

  get linked(): boolean {
    return this.#options.sessions.current(this.#options.id, this.#options.clock.monotonic()) !== undefined;
  }

  get medium(): Medium {
    return this.#options.medium;
  }

  get recordRoom(): number {
    return this.#options.medium.mtu - SEALED_OVERHEAD - 1;
  }

  get burstRoom(): number {
    const { medium } = this.#options;
    return burstLength(medium.airtime(medium.mtu)) * fragmentRoom(medium.mtu);
  }

  get twoFrameRoom(): number {
    return 2 * fragmentRoom(this.#options.medium.mtu);
  }

  heard(reception: Reception): void {
    this.#reception = reception;
  }

  mention(record: Rec): boolean {
    const { conversation, id, medium, strangers } = this.#options;
    if (strangers?.mayAnswer(id) === false || !conversation.mention(record)) return false;
    // as if it went alone: what it rides with asks for more than it takes
    strangers?.answered(id, medium.airtime(SEALED_OVERHEAD + contentLength([record])) ?? 0);
    return true;
  }

  nextTransferId(): number | undefined {
    return this.#options.transferIds.next((id) => this.conversation.isTransferring(id));
  }

  expect(transferId: number, objectId: Uint8Array, size: number): readonly ByteRange[] {
    const { id, incoming, clock } = this.#options;
    return incoming.expect(id, transferId, objectId, size, clock.monotonic());
  }
}

/** Names a peer, so that whoever keeps it keeps nothing alive. */
export class PeerHandle implements Neighbour {
  readonly id: NodeId;
  readonly #find: (id: NodeId) => Peer;

  constructor(id: NodeId, find: (id: NodeId) => Peer) {
    this.id = id;
    this.#find = find;
  }

  get quality(): LinkQuality {
    return this.#peer.quality;
  }
  get linked(): boolean {
    return this.#peer.linked;
  }
  get medium(): string {
    return this.#peer.medium.name;
  }
  airtime(bytes: number): number | undefined {
    return this.#peer.medium.airtime(bytes);
  }
  get recordRoom(): number {
    return this.#peer.recordRoom;
  }
  get burstRoom(): number {
    return this.#peer.burstRoom;
  }
  get twoFrameRoom(): number {
    return this.#peer.twoFrameRoom;
  }
  nextTransferId(): number | undefined {
    return this.#peer.nextTransferId();
  }
  send(record: Rec, options: SendOptions): Promise<Sent> {
    return this.#peer.conversation.send(record, options);
  }
  mention(record: Rec): boolean {
    return this.#peer.mention(record);
  }
  transfer(transfer: OutgoingTransfer, options: SendOptions): Promise<Sent> {
    return this.#peer.conversation.transfer(transfer, options);
  }
  expect(transferId: number, objectId: Uint8Array, size: number): readonly ByteRange[] {
    return this.#peer.expect(transferId, objectId, size);
  }

  get #peer(): Peer {
    return this.#find(this.id);
  }
}
