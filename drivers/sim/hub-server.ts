/** An air that several processes share: a unix socket in front of `Air`. */
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../src/core/clock.ts';
import { Counters } from '../../src/core/counters.ts';
import type { Air, AirPort } from './air.ts';
import { decodeToHub, encodeLine, type FromHub, LineReader, type ToHub } from './hub-protocol.ts';
import { silentMs, type Transmission } from './transmission.ts';

/** A transmission is announced at its start: a timestamp further off is wrong. */
const FARTHEST_MS = 5_000;

/** A radio that does not read is dropped before it costs memory. */
const MOST_UNREAD_BYTES = 1 << 20;

export class HubServer {
  /** Refusals by name, `air.…`. */
  readonly counters = new Counters();
  readonly #air: Air;
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #clients = new Set<Client>();

  constructor(air: Air, clock: Clock) {
    this.#air = air;
    this.#clock = clock;
    this.#server = createServer((socket) => this.#accept(socket));
    air.onTransmission.on((t) => {
      if (t.cutMs < t.endMs) for (const client of this.#clients) client.tellCut(t);
      for (const client of this.#clients) client.forget(t);
    });
  }

  /** Rejects with the system's error where the path cannot be bound. */
  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, () => {
        this.#server.removeListener('error', reject);
        resolve();
      });
    });
  }

  /** Names of the radios in the air. */
  get radios(): string[] {
    return [...this.#clients].flatMap((c) => c.name ?? []);
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.drop();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    const client = new Client(socket, this.#air, this.#clock, (why) => this.counters.count(`air.${why}`));
    this.#clients.add(client);
    socket.on('close', () => this.#clients.delete(client));
  }
}

/** One connection: one radio, once it has said its name. */
class Client {
  name: string | undefined;
  readonly #socket: Socket;
  readonly #air: Air;
  readonly #clock: Clock;
  readonly #refuse: (why: string) => void;
  #port: AirPort | undefined;
  /** Of this radio, by its own ids; and of others that it was told of, by the air's. */
  readonly #sent = new Map<number, Transmission>();
  readonly #told = new Set<number>();

  constructor(socket: Socket, air: Air, clock: Clock, refuse: (why: string) => void) {
    this.#socket = socket;
    this.#air = air;
    this.#clock = clock;
    this.#refuse = refuse;
    const reader = new LineReader();
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      const lines = reader.push(chunk);
      if (!lines) return this.#expel('line-too-long');
      for (const line of lines) if (!socket.destroyed) this.#handle(line);
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#port?.detach());
  }

  drop(): void {
    this.#socket.destroy();
  }

  tellCut(t: Transmission): void {
    if (this.#told.has(t.id)) this.#send({ kind: 'cut', id: t.id, atMs: t.cutMs });
  }

  forget(t: Transmission): void {
    this.#told.delete(t.id);
    if (t.from !== this.name) return;
    for (const [id, own] of this.#sent) if (own === t) this.#sent.delete(id);
  }

  #handle(line: string): void {
    const message = decodeToHub(line);
    if (!message) this.#expel('garbage');
    else if (message.kind === 'hello') this.#hello(message.name);
    else if (!this.#port) this.#expel('no-name');
    else if (message.kind === 'transmit') this.#transmit(this.#port, message);
    else {
      const t = this.#sent.get(message.id);
      if (t) this.#port.cut(t, Math.max(message.atMs, t.startMs));
    }
  }

  #hello(name: string): void {
    if (this.#port || this.#air.has(name)) {
      this.#expel('name-taken');
      return;
    }
    this.name = name;
    this.#port = this.#air.attach({
      name,
      arrive: ({ transmission: t, powerDbm }) => {
        const { startMs, modulation, bytes, frequencyHz, crystalPpm } = t;
        const emission = { startMs, modulation, bytes, frequencyHz, crystalPpm, powerDbm: t.powerDbm };
        this.#told.add(t.id);
        this.#send({ kind: 'arrive', id: t.id, from: t.from, powerDbm, emission });
      },
    });
    this.#send({ kind: 'welcome' });
  }

  #transmit(port: AirPort, { id, emission }: ToHub & { kind: 'transmit' }): void {
    const { startMs } = emission;
    // half duplex: a radio sends one frame at a time
    const busy = [...this.#sent.values()].some((t) => silentMs(t) > startMs + 1);
    if (busy) this.#expel('two-frames-at-once');
    else if (Math.abs(startMs - this.#clock.monotonic()) > FARTHEST_MS) this.#expel('wrong-time');
    else this.#sent.set(id, port.transmit(emission));
  }

  #send(message: FromHub): void {
    if (this.#socket.destroyed) return;
    this.#socket.write(encodeLine(message));
    if (this.#socket.writableLength > MOST_UNREAD_BYTES) this.#expel('not-reading');
  }

  #expel(why: string): void {
    this.#refuse(why);
    this.#socket.destroy();
  }
}
