/** The air of another process, for the chips of this one. */
import { connect, type Socket } from 'node:net';
import type { Cancel } from '../../src/core/clock.ts';
import { Event } from '../../src/core/events.ts';
import { type Random, uniform } from '../../src/core/random.ts';
import { Agenda } from './agenda.ts';
import type { AirPort, Antenna, Ether } from './air.ts';
import { HubClock } from './hub-clock.ts';
import { decodeFromHub, encodeLine, type FromHub, LineReader, type ToHub } from './hub-protocol.ts';
import { type ReceptionReport, type Transmission, transmissionOf } from './transmission.ts';

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2_000;

/**
 * Connects each chip to the hub at a unix socket, again and again where it goes away: until then there is radio
 * silence. Chips take `clock`, which is the hub's too.
 */
export class HubClient implements Ether {
  readonly clock = new HubClock();
  /** The name of a radio, and whether the hub knows it now. */
  readonly onConnection = new Event<{ readonly name: string; readonly connected: boolean }>();
  readonly onReception = new Event<ReceptionReport>();
  readonly #agenda = new Agenda(this.clock);
  readonly #path: string;
  readonly #random: Random;

  constructor(path: string, random: Random) {
    this.#path = path;
    this.#random = random;
  }

  attach(antenna: Antenna): AirPort {
    const { name } = antenna;
    const connection = new Connection(this.#path, this.#random, this.#agenda, antenna, (connected) =>
      this.onConnection.emit({ name, connected }),
    );
    let lastId = 0;
    return {
      agenda: this.#agenda,
      transmit: (emission) => {
        const t = transmissionOf(++lastId, name, emission);
        connection.send({ kind: 'transmit', id: t.id, emission });
        return t;
      },
      cut: (t, atMs) => {
        t.cutMs = Math.min(t.cutMs, atMs);
        connection.send({ kind: 'cut', id: t.id, atMs });
      },
      report: (arrival, outcome) =>
        this.onReception.emit({
          transmission: arrival.transmission,
          at: name,
          outcome,
          powerDbm: arrival.powerDbm,
        }),
      detach: () => connection.close(),
    };
  }
}

class Connection {
  readonly #path: string;
  readonly #random: Random;
  readonly #agenda: Agenda;
  readonly #antenna: Antenna;
  readonly #onChange: (connected: boolean) => void;
  readonly #inTheAir = new Map<number, Transmission>();
  #socket: Socket | undefined;
  #welcome = false;
  #closed = false;
  #retryMs = FIRST_RETRY_MS;
  #cancelRetry: Cancel = () => {};

  constructor(
    path: string,
    random: Random,
    agenda: Agenda,
    antenna: Antenna,
    onChange: (connected: boolean) => void,
  ) {
    this.#path = path;
    this.#random = random;
    this.#agenda = agenda;
    this.#antenna = antenna;
    this.#onChange = onChange;
    this.#open();
  }

  /** Lost where there is no connection. */
  send(message: ToHub): void {
    if (this.#welcome) this.#socket?.write(encodeLine(message));
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry();
    this.#socket?.destroy();
  }

  #open(): void {
    const socket = connect(this.#path);
    const reader = new LineReader();
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(encodeLine({ kind: 'hello', name: this.#antenna.name })));
    socket.on('data', (chunk: string) => {
      const messages = reader.push(chunk)?.map(decodeFromHub);
      if (!messages) return socket.destroy();
      for (const message of messages) {
        if (!message) return socket.destroy();
        this.#handle(message);
      }
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClose());
  }

  #onClose(): void {
    if (this.#welcome) this.#onChange(false);
    this.#welcome = false;
    if (this.#closed) return;
    const wait = this.#retryMs * (0.5 + uniform(this.#random));
    this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY_MS);
    this.#cancelRetry = this.#agenda.at(this.#agenda.now() + wait, () => this.#open());
  }

  #handle(message: FromHub): void {
    this.#agenda.catchUp();
    if (message.kind === 'welcome') {
      this.#welcome = true;
      this.#retryMs = FIRST_RETRY_MS;
      this.#onChange(true);
    } else if (message.kind === 'arrive') {
      const t = transmissionOf(message.id, message.from, message.emission);
      this.#inTheAir.set(t.id, t);
      this.#agenda.at(t.endMs, () => this.#inTheAir.delete(t.id));
      this.#antenna.arrive({ transmission: t, powerDbm: message.powerDbm });
    } else {
      const t = this.#inTheAir.get(message.id);
      if (t) t.cutMs = Math.min(t.cutMs, message.atMs);
    }
  }
}
