/**
 * A LAN under virtual time: streams that are in order and whole as TCP's are, broken the ways TCP's break. Two hosts
 * can be parted, which neither end is told; a host can lose its power; a reader can stop reading.
 */
import { PersonError } from '../src/core/errors.ts';
import { Event } from '../src/core/events.ts';
import type { Address, Net, Opened, Stream } from '../src/link/lan/net.ts';
import type { Simulation } from './simulation.ts';

const LATENCY_MS = 1;

export class SimNet {
  readonly sim: Simulation;
  readonly #listeners = new Map<string, (stream: Stream) => void>();
  readonly #groups = new Map<string, (datagram: Uint8Array, from: string) => void>();
  readonly #parted = new Set<string>();
  readonly #streams = new Set<SimStream>();
  #nextPort = 40_000;
  /** Every attempt to dial, as `from>host:port`. */
  readonly dials: string[] = [];

  constructor(sim: Simulation) {
    this.sim = sim;
  }

  /** The sockets of one host; its name is its address. */
  host(name: string): Net {
    return {
      listen: async (address, taken) => this.#listen(name, address, taken),
      dial: (address, signal) => this.#dial(name, address, signal),
      beacons: async (heard) => {
        this.#groups.set(name, heard);
        return {
          send: (datagram) => this.datagram(name, datagram),
          close: async () => void this.#groups.delete(name),
        };
      },
    };
  }

  /** Nothing gets from one to the other any more, and nobody is told; `join` undoes it. */
  part(a: string, b: string): void {
    this.#parted.add(`${a} ${b}`).add(`${b} ${a}`);
  }
  join(a: string, b: string): void {
    this.#parted.delete(`${a} ${b}`);
    this.#parted.delete(`${b} ${a}`);
    for (const stream of this.#streams) stream.pump();
  }
  isParted(a: string, b: string): boolean {
    return this.#parted.has(`${a} ${b}`);
  }

  /** A host's power is gone, and with it all its sockets: nobody is told. */
  powerCut(name: string): void {
    this.#groups.delete(name);
    for (const key of this.#listeners.keys()) if (key.startsWith(`${name}:`)) this.#listeners.delete(key);
    for (const stream of [...this.#streams]) if (stream.local === name) stream.vanish();
  }

  /** To the group, from whatever address it likes. */
  datagram(from: string, datagram: Uint8Array): void {
    const bytes = datagram.slice();
    for (const [to, heard] of this.#groups)
      if (!this.isParted(from, to)) this.sim.after(LATENCY_MS, () => heard(bytes, from));
  }

  /** A stream that a test holds both ends of, as from a stranger. */
  async stranger(from: string, to: Address): Promise<SimStream> {
    return (await this.#dial(from, to, new AbortController().signal)) as SimStream;
  }

  #listen(name: string, { port }: Address, taken: (stream: Stream) => void): Opened & { port: number } {
    const own = port === 0 ? this.#nextPort++ : port;
    const key = `${name}:${own}`;
    if (this.#listeners.has(key)) throw new PersonError('config', `Port ${own} cannot be had.`);
    this.#listeners.set(key, taken);
    return { port: own, close: async () => void this.#listeners.delete(key) };
  }

  #dial(from: string, { host, port }: Address, signal: AbortSignal): Promise<Stream> {
    this.dials.push(`${from}>${host}:${port}`);
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('it took too long')), { once: true });
      this.sim.after(2 * LATENCY_MS, () => {
        if (this.isParted(from, host)) return;
        const taken = this.#listeners.get(`${host}:${port}`);
        if (!taken) return reject(new Error('connection refused'));
        const [here, there] = [new SimStream(this, from, host), new SimStream(this, host, from)];
        here.join(there);
        there.join(here);
        this.#streams.add(here).add(there);
        taken(there);
        resolve(here);
      });
    });
  }
}

export class SimStream implements Stream {
  readonly local: string;
  readonly remote: string;
  readonly onData = new Event<Uint8Array>();
  readonly onClose = new Event<void>();
  /** Whether this end takes what comes. */
  reads = true;
  /** What was heard here so far. */
  readonly heard: number[] = [];
  closed = false;
  readonly #net: SimNet;
  #other: SimStream | undefined;
  #waiting: Uint8Array[] = [];

  constructor(net: SimNet, local: string, remote: string) {
    this.#net = net;
    this.local = local;
    this.remote = remote;
  }

  join(other: SimStream): void {
    this.#other = other;
  }

  get buffered(): number {
    return this.#waiting.reduce((n, bytes) => n + bytes.length, 0);
  }

  write(bytes: Uint8Array): void {
    if (this.closed) return;
    this.#waiting.push(bytes.slice());
    this.pump();
  }

  /** Brings across what can be brought. */
  pump(): void {
    const other = this.#other;
    if (!other || this.#waiting.length === 0 || this.#net.isParted(this.local, this.remote)) return;
    if (!other.closed && !other.reads) return;
    const all = this.#waiting;
    this.#waiting = [];
    this.#net.sim.after(LATENCY_MS, () => {
      if (other.closed) this.#end();
      else for (const bytes of all) other.#take(bytes);
    });
  }

  destroy(): void {
    if (this.closed) return;
    this.vanish();
    this.#net.sim.after(0, () => this.onClose.emit());
    const other = this.#other;
    if (other && !this.#net.isParted(this.local, this.remote))
      this.#net.sim.after(LATENCY_MS, () => other.#end());
  }

  /** Gone without a word. */
  vanish(): void {
    this.closed = true;
    this.#waiting = [];
  }

  #take(bytes: Uint8Array): void {
    if (this.closed) return;
    this.heard.push(...bytes);
    this.onData.emit(bytes);
  }

  #end(): void {
    if (this.closed) return;
    this.vanish();
    this.onClose.emit();
  }
}
