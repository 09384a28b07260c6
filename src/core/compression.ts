/** Compression is handed in: its implementations belong to platforms, its formats to docs/protocol/messages.md. */
export interface TextCodec {
  compress(bytes: Uint8Array): Uint8Array;
  /** The original of hostile `bytes`, or undefined where they are damaged or would be longer than `maxBytes`. */
  decompress(bytes: Uint8Array, maxBytes: number): Uint8Array | undefined;
}
