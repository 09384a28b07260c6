/** Node's sockets as the LAN medium knows them (src/link/lan/net.ts). */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { messageOf, PersonError } from '../../core/errors.ts';
import { Event } from '../../core/events.ts';
import type { Address, Net, Opened, Stream } from './net.ts';

/** Administratively scoped (RFC 2365): never leaves the site; our datagrams never even the LAN. */
const GROUP = '239.255.78.88';

/** `beaconPort`: UDP, the same for all boxes that are to find each other. */
export function nodeNet(beaconPort: number): Net {
  return { listen, dial, beacons: (heard) => beacons(beaconPort, heard) };
}

function listen(
  { host, port }: Address,
  taken: (stream: Stream) => void,
): Promise<Opened & { readonly port: number }> {
  const server = createServer({ noDelay: true }, (socket) => taken(streamOf(socket)));
  return new Promise((resolve, reject) => {
    server.once('error', (e: NodeJS.ErrnoException) => reject(cannotListen(e, port)));
    server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
      const address = server.address();
      // one that cannot be accepted is the other end's loss, and it will dial again
      server.on('error', () => {});
      resolve({
        port: typeof address === 'object' && address ? address.port : port,
        close: () => new Promise((done) => void server.close(() => done())),
      });
    });
  });
}

function cannotListen(e: NodeJS.ErrnoException, port: number): PersonError {
  const why = e.code === 'EADDRINUSE' ? 'another program listens there' : messageOf(e);
  return new PersonError(
    'config',
    `Port ${port} cannot be had (${why}): set another port in [lan] of the configuration, or 0 for none.`,
    { cause: e },
  );
}

function dial({ host, port }: Address, signal: AbortSignal): Promise<Stream> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = connect({ host, port, noDelay: true });
    const abort = () => socket.destroy(new Error('it took too long'));
    // a signal that is heard holds on to whoever hears it: of each dial that failed the socket would stay
    const failed = (e: Error) => {
      signal.removeEventListener('abort', abort);
      reject(e);
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.once('error', failed);
    socket.once('connect', () => {
      signal.removeEventListener('abort', abort);
      socket.off('error', failed);
      resolve(streamOf(socket));
    });
  });
}

function streamOf(socket: Socket): Stream {
  const onData = new Event<Uint8Array>();
  const onClose = new Event<void>();
  socket.on('data', (bytes: Uint8Array) => onData.emit(bytes));
  socket.on('error', () => {}); // 'close' follows
  socket.once('close', () => onClose.emit());
  // an IPv4 address as a socket for both families shows it
  const remote = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  return {
    remote,
    onData,
    onClose,
    get buffered() {
      return socket.writableLength;
    },
    write: (bytes) => {
      if (!socket.destroyed) socket.write(bytes);
    },
    destroy: () => void socket.destroy(),
  };
}

/** One socket that hears the group, and one for each interface that speaks to it. */
async function beacons(
  port: number,
  heard: (datagram: Uint8Array, from: string) => void,
): Promise<Opened & { send(datagram: Uint8Array): void }> {
  const ear = createSocket({ type: 'udp4', reuseAddr: true });
  await new Promise<void>((resolve, reject) => {
    ear.once('error', reject);
    ear.bind(port, () => {
      ear.off('error', reject);
      resolve();
    });
  });
  ear.on('error', () => {});
  ear.on('message', (datagram, from) => heard(datagram, from.address));
  const mouths = new Map<string, UdpSocket>();
  // interfaces come and go: looked at anew each time
  const look = () => {
    const addresses = ownAddresses();
    for (const [address, mouth] of mouths) {
      if (addresses.includes(address)) continue;
      mouth.close();
      mouths.delete(address);
    }
    for (const address of addresses) {
      if (mouths.has(address)) continue;
      const mouth = mouthAt(ear, address);
      if (mouth) mouths.set(address, mouth);
    }
  };
  look();
  return {
    send: (datagram) => {
      look();
      for (const mouth of mouths.values()) mouth.send(datagram, port, GROUP, () => {});
    },
    close: async () => {
      for (const socket of [ear, ...mouths.values()]) socket.close();
    },
  };
}

function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.filter((a) => a.family === 'IPv4' && !a.internal).map((a) => a.address);
}

/** Joins the group on the interface with this address; undefined where it has no multicast. */
function mouthAt(ear: UdpSocket, address: string): UdpSocket | undefined {
  const mouth = createSocket({ type: 'udp4' });
  mouth.on('error', () => {});
  try {
    join(ear, address);
    mouth.bind({ port: 0, address }, () => {
      try {
        mouth.setMulticastInterface(address);
        mouth.setMulticastTTL(1);
      } catch {
        // the address is gone already: the next look closes it
      }
    });
    return mouth;
  } catch {
    mouth.close();
    return undefined;
  }
}

/** The kernel counts interfaces: one that had lost its address, and has one again, is still in the group. */
function join(ear: UdpSocket, address: string): void {
  try {
    ear.addMembership(GROUP, address);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw e;
  }
}
