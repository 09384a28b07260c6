/** What the LAN medium asks of a platform: streams and datagrams (src/link/lan/sockets.ts answers with Node's). */
import type { Event } from '../../core/events.ts';

/** One end of a TCP connection. */
export interface Stream {
  /** The other end's address, without its port. */
  readonly remote: string;
  /** Bytes written that have not left yet. */
  readonly buffered: number;
  readonly onData: Event<Uint8Array>;
  /** Once, however it came to its end. */
  readonly onClose: Event<void>;
  write(bytes: Uint8Array): void;
  /** Ends it at once; again does nothing. */
  destroy(): void;
}

export interface Address {
  /** A name or an address. */
  readonly host: string;
  readonly port: number;
}

/** What was opened, to be closed. */
export interface Opened {
  close(): Promise<void>;
}

export interface Net {
  /** Takes connections. Rejects with `PersonError` where the port cannot be had. */
  listen(address: Address, taken: (stream: Stream) => void): Promise<Opened & { readonly port: number }>;
  /** Rejects where nobody answers, and when the signal aborts. */
  dial(address: Address, signal: AbortSignal): Promise<Stream>;
  /** Joins the beacons' group on every interface there is, now and later. Rejects where the machine has no multicast. */
  beacons(
    heard: (datagram: Uint8Array, from: string) => void,
  ): Promise<Opened & { send(datagram: Uint8Array): void }>;
}
