/**
 * Reed–Solomon erasure coding over GF(2^8) in its systematic Cauchy form (Blömer et al., "An XOR-based erasure-resilient
 * coding scheme", 1995): k data pieces stay as they are, m more are made, and any k of the k + m give the data back.
 */

/** x^8 + x^4 + x^3 + x^2 + 1, under which 2 generates the field. */
const POLYNOMIAL = 0x11d;
const EXP = new Uint8Array(510);
const LOG = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i++) {
  EXP[i] = x;
  EXP[i + 255] = x;
  LOG[x] = i;
  x <<= 1;
  if (x & 0x100) x ^= POLYNOMIAL;
}

const at = (bytes: Uint8Array, i: number): number => bytes[i] as number;
const multiply = (a: number, b: number): number => (a && b ? at(EXP, at(LOG, a) + at(LOG, b)) : 0);
const inverse = (a: number): number => at(EXP, 255 - at(LOG, a));

/** Row `index` of the code: which sum of the `k` data pieces piece `index` is. */
function rowOf(k: number, index: number): Uint8Array {
  if (index < k) return Uint8Array.from({ length: k }, (_, j) => (j === index ? 1 : 0));
  // a Cauchy matrix over two disjoint sets, the numbers of the data pieces and of the others
  return Uint8Array.from({ length: k }, (_, j) => inverse(index ^ j));
}

/** Piece `index` (from 0; those below k are the data) of data pieces of equal length. */
export function encodePieceOf(data: readonly Uint8Array[], index: number): Uint8Array {
  const own = data[index];
  return own ? own.slice() : combine(rowOf(data.length, index), data);
}

/** A piece, and which one it is. */
export interface NumberedPiece {
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** The k data pieces from any k different pieces of equal length. Throws `RangeError` for other than that. */
export function decodePieces(k: number, pieces: readonly NumberedPiece[]): Uint8Array[] {
  if (pieces.length !== k || new Set(pieces.map((p) => p.index)).size !== k)
    throw new RangeError(`${pieces.length} pieces where ${k} different ones are needed`);
  const inverted = invert(pieces.map(({ index }) => rowOf(k, index)));
  const bytes = pieces.map((p) => p.bytes);
  return inverted.map((row) => combine(row, bytes));
}

function combine(row: Uint8Array, pieces: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(pieces[0]?.length ?? 0);
  for (const [j, piece] of pieces.entries()) {
    const factor = at(row, j);
    if (factor === 0) continue;
    const products = Uint8Array.from({ length: 256 }, (_, b) => multiply(factor, b));
    for (let i = 0; i < out.length; i++) out[i] = at(out, i) ^ at(products, at(piece, i));
  }
  return out;
}

/** Gauss and Jordan. Any k rows of the code are independent, so that there always is a pivot. */
function invert(matrix: readonly Uint8Array[]): Uint8Array[] {
  const k = matrix.length;
  const rows = matrix.map((row, i) =>
    Uint8Array.from({ length: 2 * k }, (_, j) => row[j] ?? (j - k === i ? 1 : 0)),
  );
  for (let c = 0; c < k; c++) {
    const pivot = rows.findIndex((row, r) => r >= c && at(row, c) !== 0);
    const [chosen, other] = [rows[pivot], rows[c]];
    if (!chosen || !other) throw new RangeError('these pieces do not determine the data');
    rows[pivot] = other;
    const scale = inverse(at(chosen, c));
    const unit = chosen.map((v) => multiply(v, scale));
    rows[c] = unit;
    for (const [r, row] of rows.entries()) {
      const factor = at(row, c);
      if (r !== c && factor !== 0) rows[r] = row.map((v, j) => v ^ multiply(factor, at(unit, j)));
    }
  }
  return rows.map((row) => row.slice(k));
}
