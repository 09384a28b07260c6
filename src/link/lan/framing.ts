/** How frames follow each other on a connection (docs/protocol/link.md, "The LAN"). */
import { concat, equal, Writer } from '../../core/bytes.ts';

/** Bytes of the longest frame: an object that travels in one piece, with all that is put around it, is one push. */
export const MTU = 8192;

/** `NXL`, version 1. */
const MAGIC = Uint8Array.of(0x4e, 0x58, 0x4c, 0x01);
export const INSTANCE_LENGTH = 8;
export const PREAMBLE_LENGTH = MAGIC.length + INSTANCE_LENGTH;
const LENGTH = 2;

/** The first 12 bytes of either side: `"NXL" 1 | instance 8`. */
export function preamble(instance: Uint8Array): Uint8Array {
  return concat(MAGIC, instance);
}

/** A frame behind its length u16. Throws `RangeError` for one that the medium does not carry. */
export function framed(frame: Uint8Array): Uint8Array {
  if (frame.length < 1 || frame.length > MTU) throw new RangeError(`a frame of ${frame.length} bytes`);
  return new Writer(LENGTH + frame.length).u16(frame.length).raw(frame).bytes();
}

/** A length of 0: there is nothing to say, but somebody here. */
export const KEEP_ALIVE = new Uint8Array(LENGTH);

/** Why a connection is of no use: counted as `lan.refused.<reason>`. */
export type StreamRefusal = 'preamble' | 'length';

export type Piece =
  | { readonly is: 'preamble'; readonly instance: Uint8Array }
  | { readonly is: 'frame'; readonly bytes: Uint8Array }
  | { readonly is: 'keep-alive' }
  /** Nothing after it is read. */
  | { readonly is: 'refused'; readonly reason: StreamRefusal };

/** From the bytes of a stream, however they are cut, to its pieces. Holds one piece at most. */
export class Deframer {
  #begun = false;
  #over = false;
  /** Bytes of a piece that is not whole; joined once enough of them are here to be looked at. */
  #held: Uint8Array[] = [];
  #length = 0;
  #needed = 1;

  /** Whether a piece has begun and is not whole: its rest must come soon. */
  get midway(): boolean {
    return this.#length > 0;
  }

  /** The pieces that are whole with these bytes; of what is not, a copy is kept. */
  push(chunk: Uint8Array): Piece[] {
    if (this.#over || chunk.length === 0) return [];
    this.#length += chunk.length;
    if (this.#length < this.#needed) {
      this.#held.push(chunk.slice());
      return [];
    }
    let rest = concat(...this.#held, chunk);
    const pieces: Piece[] = [];
    for (let read = this.#read(rest); read; read = this.#read(rest)) {
      pieces.push(read.piece);
      rest = rest.subarray(read.length);
      this.#begun = true;
      this.#over = read.piece.is === 'refused';
      if (this.#over) break;
    }
    this.#held = rest.length > 0 ? [rest] : [];
    this.#length = rest.length;
    this.#needed = this.#begun ? neededFor(rest) : rest.length + 1;
    return pieces;
  }

  #read(bytes: Uint8Array): Read | undefined {
    return this.#begun ? readFrame(bytes) : readPreamble(bytes);
  }
}

interface Read {
  readonly piece: Piece;
  readonly length: number;
}

const refused = (reason: StreamRefusal): Read => ({ piece: { is: 'refused', reason }, length: 0 });

/** Wrong from its first wrong byte on. */
function readPreamble(bytes: Uint8Array): Read | undefined {
  const n = Math.min(bytes.length, MAGIC.length);
  if (!equal(bytes.subarray(0, n), MAGIC.subarray(0, n))) return refused('preamble');
  if (bytes.length < PREAMBLE_LENGTH) return undefined;
  const instance = bytes.slice(MAGIC.length, PREAMBLE_LENGTH);
  return { piece: { is: 'preamble', instance }, length: PREAMBLE_LENGTH };
}

function readFrame(bytes: Uint8Array): Read | undefined {
  const [low, high] = bytes;
  if (low === undefined || high === undefined) return undefined;
  const length = low | (high << 8);
  if (length === 0) return { piece: { is: 'keep-alive' }, length: LENGTH };
  if (length > MTU) return refused('length');
  if (bytes.length < LENGTH + length) return undefined;
  return { piece: { is: 'frame', bytes: bytes.slice(LENGTH, LENGTH + length) }, length: LENGTH + length };
}

/** Bytes of the piece that begins with these, as far as they tell. */
function neededFor(bytes: Uint8Array): number {
  const [low, high] = bytes;
  return low === undefined || high === undefined ? LENGTH : LENGTH + (low | (high << 8));
}
