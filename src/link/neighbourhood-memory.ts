/** The keys of shared frames that outlive a restart: this node's and those of its neighbours (docs/protocol/link.md). */
import { concat, type Reader, toHex, Writer } from '../core/bytes.ts';
import type { Random } from '../core/random.ts';
import { KEY_LENGTH } from '../crypto/hashes.ts';
import { wipe } from '../crypto/secret.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdFrom } from '../identity/node-id.ts';
import { NonceBlocks } from './epochs.ts';
import type { LinkMemory } from './link-memory.ts';
import {
  decodeKeyOffer,
  encodeKeyOffer,
  type KeptNeighbourhood,
  type KeyOffer,
  MOST_MEMBERS,
  Neighbourhood,
  SHARED_BLOCK,
  TAG_KEY_LENGTH,
} from './neighbourhood.ts';
import type { OverheardNeighbourhoods } from './overheard-neighbourhoods.ts';

const OURS = 'ours';
const THEIRS = 'theirs ';

export class NeighbourhoodMemory {
  readonly #memory: LinkMemory;

  constructor(memory: LinkMemory) {
    this.#memory = memory;
  }

  /** This node's neighbourhood of before this start; undefined where there is none to go on with. */
  restoreOurs(random: Random, now: number): Neighbourhood | undefined {
    const [kept] = this.#memory.restore(OURS, (r) => this.#readOurs(r));
    if (!kept) return undefined;
    const resumed = Neighbourhood.resume(random, now, kept, this.#nonces(kept.firstEpoch));
    wipe(kept.key, ...kept.members.map((m) => m.tagKey));
    return resumed;
  }

  /** The keys that neighbours had handed over. */
  restoreTheirs(): { readonly from: NodeId; readonly offer: KeyOffer }[] {
    return this.#memory.restore(THEIRS, (r) => {
      const from = nodeIdFrom(r.raw(NODE_ID_LENGTH).slice());
      const offer = decodeKeyOffer(r.rest());
      return offer && { from, offer };
    });
  }

  /** Keeps what these are whenever it is asked. */
  keep(ours: () => Neighbourhood, theirs: OverheardNeighbourhoods): void {
    this.#memory.keep({ prefix: OURS, rows: () => rowsOfOurs(ours()) });
    this.#memory.keep({ prefix: THEIRS, rows: () => rowsOfTheirs(theirs) });
  }

  /** The counters of a neighbourhood made now. */
  fresh(): NonceBlocks {
    return this.#nonces(this.#memory.epochs.shared.current);
  }

  changed(): void {
    this.#memory.changed();
  }

  #nonces(first: number): NonceBlocks {
    const { shared: epochs } = this.#memory.epochs;
    return new NonceBlocks({ epochs, first, size: SHARED_BLOCK, gap: 0n });
  }

  #readOurs(r: Reader): KeptNeighbourhood | undefined {
    const [index, firstEpoch, generation] = [r.u16(), Number(r.u64()), r.u64()];
    const key = r.raw(KEY_LENGTH).slice();
    const members = [];
    while (r.left > 0) {
      const holds = r.u8();
      if (holds > 1) return undefined;
      const nodeId = nodeIdFrom(r.raw(NODE_ID_LENGTH).slice());
      members.push({ nodeId, holds: holds === 1, tagKey: r.raw(TAG_KEY_LENGTH).slice() });
    }
    const isEarlier = firstEpoch < this.#memory.epochs.shared.current;
    if (index === 0 || !isEarlier || members.length > MOST_MEMBERS) return undefined;
    return { index, firstEpoch, generation, key, members };
  }
}

/** `index 2 | first epoch 8 | generation 8 | key 32`, then for each slot `holds 1 | NodeId 16 | tag key 16`. */
function* rowsOfOurs(ours: Neighbourhood): Generator<[string, Uint8Array]> {
  const { kept } = ours;
  if (!kept || kept.members.length === 0) return;
  const w = new Writer(1024).u16(kept.index).u64(BigInt(kept.firstEpoch)).u64(kept.generation).raw(kept.key);
  wipe(kept.key);
  for (const { holds, nodeId, tagKey } of kept.members)
    w.u8(holds ? 1 : 0)
      .raw(nodeId)
      .raw(tagKey);
  yield ['', w.bytes()];
}

/** `NodeId 16 | record 33's body`. */
function* rowsOfTheirs(theirs: OverheardNeighbourhoods): Generator<[string, Uint8Array]> {
  for (const { from, offer } of theirs.offers()) {
    const { body } = encodeKeyOffer(offer);
    yield [toHex(from), concat(from, body)];
    wipe(offer.key, offer.tagKey, body);
  }
}
