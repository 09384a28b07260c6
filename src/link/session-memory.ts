/** The sessions of one medium that outlive a restart: one row for each (docs/protocol/link.md, "After a restart"). */
import { equal, type Reader, Writer } from '../core/bytes.ts';
import { KEY_LENGTH } from '../crypto/hashes.ts';
import { wipe } from '../crypto/secret.ts';
import { type NodeId, nodeIdOf } from '../identity/node-id.ts';
import { NonceBlocks } from './epochs.ts';
import type { LinkMemory } from './link-memory.ts';
import { type Keeping, RESTART_GAP, SESSION_BLOCK, Session } from './session.ts';
import type { Live } from './sessions.ts';

const FLAG = { initiated: 1, suspect: 2, sendPhase: 4, receivePhase: 8, keyKnown: 16 } as const;
const ALL_FLAGS = 31;

export class SessionMemory {
  readonly #memory: LinkMemory;
  readonly #prefix: string;
  readonly #self: NodeId;

  constructor(memory: LinkMemory, medium: string, self: NodeId) {
    this.#memory = memory;
    this.#prefix = `session ${medium} `;
    this.#self = self;
  }

  /** The sessions of before this start, some perhaps too old by now. */
  restore(now: number): Live[] {
    return this.#memory.restore(this.#prefix, (r) => this.#read(r, now));
  }

  /** Keeps those that `lives` gives, whenever it is asked. */
  keep(lives: (now: number) => Iterable<Live>): void {
    this.#memory.keep({ prefix: this.#prefix, rows: (now) => this.#rows(lives(now)) });
  }

  /** What a session made now needs to be kept. */
  fresh(): Keeping {
    return this.#keeping(this.#memory.epochs.sessions.current);
  }

  changed(): void {
    this.#memory.changed();
  }

  #keeping(first: number): Keeping {
    const { sessions: epochs } = this.#memory.epochs;
    const nonces = new NonceBlocks({ epochs, first, size: SESSION_BLOCK, gap: RESTART_GAP });
    return { nonces, onRekeyed: () => this.#memory.changed() };
  }

  *#rows(lives: Iterable<Live>): Generator<[string, Uint8Array]> {
    for (const live of lives) {
      const row = this.#row(live);
      if (row) yield [String(live.index), row];
    }
  }

  /** `index 2 | flags 1 | public key 32 | begun 8 | live 8 | made 8 | key made 8 | remote index 2 | first epoch 8 | keys 64 | highest + 1 8`. */
  #row({ begunAt, index, initiator, liveAt, publicKey, session, suspect }: Live): Uint8Array | undefined {
    const { kept } = session;
    if (!kept) return undefined;
    const flags =
      (equal(initiator, this.#self) ? FLAG.initiated : 0) |
      (suspect ? FLAG.suspect : 0) |
      (kept.sendPhase ? FLAG.sendPhase : 0) |
      (kept.receivePhase ? FLAG.receivePhase : 0) |
      (kept.keyKnown ? FLAG.keyKnown : 0);
    const w = new Writer(160).u16(index).u8(flags).raw(publicKey);
    for (const at of [begunAt, liveAt, kept.madeAt, kept.keyAt]) w.u64(this.#memory.stampOf(at));
    w.u16(kept.remoteIndex).u64(BigInt(kept.firstEpoch)).raw(kept.sendKey).raw(kept.receiveKey);
    wipe(kept.sendKey, kept.receiveKey);
    return w.u64(kept.highest + 1n).bytes();
  }

  #read(r: Reader, now: number): Live | undefined {
    const index = r.u16();
    const flags = r.u8();
    const publicKey = r.raw(32).slice();
    const [begunAt, liveAt, madeAt, keyAt] = [r.u64(), r.u64(), r.u64(), r.u64()].map((stamp) =>
      this.#memory.timeOf(stamp),
    );
    const [remoteIndex, firstEpoch] = [r.u16(), Number(r.u64())];
    const [sendKey, receiveKey, highest] = [r.raw(KEY_LENGTH), r.raw(KEY_LENGTH), r.u64() - 1n];
    if (begunAt === undefined || liveAt === undefined || madeAt === undefined || keyAt === undefined)
      return undefined;
    const isEarlier = firstEpoch < this.#memory.epochs.sessions.current;
    if (index === 0 || remoteIndex === 0 || flags > ALL_FLAGS || !isEarlier) return undefined;
    const has = (flag: number) => (flags & flag) !== 0;
    const peer = nodeIdOf(publicKey);
    const session = Session.resume(
      {
        ...{ remoteIndex, madeAt, keyAt, firstEpoch, sendKey, receiveKey, highest },
        sendPhase: has(FLAG.sendPhase) ? 1 : 0,
        receivePhase: has(FLAG.receivePhase) ? 1 : 0,
        keyKnown: has(FLAG.keyKnown),
      },
      this.#keeping(firstEpoch),
    );
    return {
      ...{ index, peer, publicKey, session, begunAt, liveAt, usedAt: now },
      initiator: has(FLAG.initiated) ? this.#self : peer,
      suspect: has(FLAG.suspect),
    };
  }
}
