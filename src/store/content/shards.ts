/** How a durable object is cut into shards (docs/protocol/store.md, "Durable objects"). */
import { CHUNK_LENGTH, chunkCount } from '../merkle.ts';
import { encodePieceOf } from './erasure.ts';

const MIB = 2 ** 20;

/** Any `data` of `data + parity` shards give the object back. */
export interface Scheme {
  readonly data: number;
  readonly parity: number;
}

/** 2 + 1 up to 1 MiB, 4 + 2 above. */
export function schemeOf(size: number): Scheme {
  return size <= MIB ? { data: 2, parity: 1 } : { data: 4, parity: 2 };
}

/**
 * Bytes of each shard: whole chunks, so that shards of data are stored with the chunks of their object; where one chunk
 * each is enough, no more than needed.
 */
export function shardLength(size: number): number {
  const { data } = schemeOf(size);
  if (size <= data * CHUNK_LENGTH) return Math.ceil(size / data);
  return Math.ceil(chunkCount(size) / data) * CHUNK_LENGTH;
}

/** Bytes [from, to) of an object, zeros beyond its end. */
export type ReadBytes = (from: number, to: number) => Uint8Array;

/** Chunk `chunk` of shard `shard` of an object of `size` bytes. */
export function shardChunk(size: number, read: ReadBytes, shard: number, chunk: number): Uint8Array {
  const { data } = schemeOf(size);
  const length = shardLength(size);
  const from = chunk * CHUNK_LENGTH;
  const to = Math.min(from + CHUNK_LENGTH, length);
  const column = (of: number) => read(of * length + from, of * length + to);
  if (shard < data) return column(shard);
  return encodePieceOf(
    Array.from({ length: data }, (_, of) => column(of)),
    shard,
  );
}
