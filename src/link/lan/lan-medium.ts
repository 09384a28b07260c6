/**
 * The medium of the LAN: connections to all boxes that are found or named, each carrying frames between two nodes
 * (docs/protocol/link.md, "The LAN"). It knows instances, never nodes: whose a connection is the link proves.
 */
import { toHex } from '../../core/bytes.ts';
import { type Cancel, type Clock, every } from '../../core/clock.ts';
import type { Counters } from '../../core/counters.ts';
import { messageOf } from '../../core/errors.ts';
import { Event } from '../../core/events.ts';
import type { Log } from '../../core/log.ts';
import type { Random } from '../../core/random.ts';
import type { Connections, Medium, Outgoing, Reception, Submission } from '../medium.ts';
import { admit, superfluous } from './admission.ts';
import { decodeLanBeacon, encodeLanBeacon } from './beacon.ts';
import { Connection, type EndReason, isRefusal } from './connection.ts';
import { Dialling, type Target } from './dialling.ts';
import { INSTANCE_LENGTH, MTU } from './framing.ts';
import type { Address, Net, Opened, Stream } from './net.ts';

const LOOK_MS = 1_000;
const BEACON_MS = 30_000;
const DIAL_MS = 10_000;

export interface LanOptions {
  /** Where connections are taken; undefined: nowhere. */
  readonly listen: Address | undefined;
  /** Dialled for as long as this box runs. */
  readonly peers: readonly Address[];
  /** Find boxes, and be found, by multicast beacons. */
  readonly multicast: boolean;
}

export interface LanParts {
  readonly net: Net;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
  readonly log: Log;
}

export interface LanStatus {
  /** Where connections are taken. */
  readonly port: number | undefined;
  readonly connections: number;
}

export class LanMedium implements Medium {
  readonly name = 'lan';
  readonly mtu = MTU;
  readonly onFrame = new Event<{ readonly bytes: Uint8Array; readonly reception: Reception }>();
  readonly connections: Connections;
  readonly #onChange = new Event<{ readonly via: string; readonly up: boolean }>();
  readonly #parts: LanParts;
  readonly #instance: Uint8Array;
  readonly #own: string;
  readonly #dialling: Dialling;
  readonly #all = new Map<string, Connection>();
  /** What was dialled for which connection. */
  readonly #dialled = new Map<string, Target>();
  readonly #ending = new AbortController();
  #opened: Opened[] = [];
  #cancels: Cancel[] = [];
  #port: number | undefined;
  #nextVia = 1;

  private constructor({ peers }: LanOptions, parts: LanParts) {
    this.#parts = parts;
    this.#instance = parts.random.bytes(INSTANCE_LENGTH);
    this.#own = toHex(this.#instance);
    this.#dialling = new Dialling(this.#own, peers, parts.random);
    const open = () => this.#named().map((c) => c.via);
    this.connections = {
      onChange: this.#onChange,
      get open() {
        return open();
      },
      prove: (via, owner, isStranger) => this.#prove(via, owner, isStranger),
    };
  }

  /** Listens, dials, and looks for others. Rejects with `PersonError` where the port cannot be had. */
  static async open(options: LanOptions, parts: LanParts): Promise<LanMedium> {
    const medium = new LanMedium(options, parts);
    try {
      await medium.#open(options);
    } catch (e) {
      await medium.stop();
      throw e;
    }
    return medium;
  }

  get status(): LanStatus {
    return { port: this.#port, connections: this.#named().length };
  }

  /** There is none: what limits the LAN is that frames are answered one after the other. */
  airtime(_bytes: number): undefined {
    return undefined;
  }

  async submit(outgoing: Outgoing): Promise<Submission> {
    const { counters } = this.#parts;
    // never within the call: what waits for a channel elsewhere is not to be surprised here
    await Promise.resolve();
    const submission = this.#submit(outgoing);
    if (!submission.sent) counters.count(`lan.refused-${submission.refused}`);
    return submission;
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    for (const cancel of this.#cancels) cancel();
    for (const connection of [...this.#all.values()]) connection.end('closed');
    await Promise.all(this.#opened.map((o) => o.close()));
  }

  #submit({ via, answerUntil, next }: Outgoing): Submission {
    const now = this.#parts.clock.monotonic();
    if (this.#ending.signal.aborted) return { sent: false, refused: 'stopped' };
    if (answerUntil !== undefined && answerUntil < now) return { sent: false, refused: 'late' };
    const to = this.#named().filter((c) => via === undefined || c.via === via);
    if (to.length === 0) return { sent: false, refused: 'unconnected' };
    let [frames, bytes] = [0, 0];
    for (let frame = next(); frame; frame = next()) {
      const sending = frame;
      if (to.filter((c) => c.send(sending)).length === 0) return { sent: false, refused: 'queue-full' };
      frames++;
      bytes += frame.length;
    }
    if (frames === 0) return { sent: false, refused: 'nothing' };
    return { sent: true, frames, bytes, airtimeMs: 0, endedAt: now };
  }

  async #open({ listen, multicast }: LanOptions): Promise<void> {
    const { clock, net } = this.#parts;
    if (listen) {
      const server = await net.listen(listen, (stream) => this.#take(stream, false));
      this.#opened.push(server);
      this.#port = server.port;
    }
    if (multicast) await this.#openBeacons();
    this.#cancels.push(every(clock, LOOK_MS, () => this.#look()));
    this.#dial();
  }

  /** A machine without multicast is told so, and dials. */
  async #openBeacons(): Promise<void> {
    const { clock, log, net } = this.#parts;
    try {
      const group = await net.beacons((datagram, from) => this.#heardBeacon(datagram, from));
      this.#opened.push(group);
      const port = this.#port;
      if (port === undefined) return;
      const datagram = encodeLanBeacon({ instance: this.#instance, port });
      group.send(datagram);
      this.#cancels.push(every(clock, BEACON_MS, () => group.send(datagram)));
    } catch (e) {
      log.warn({ error: messageOf(e) }, 'no multicast here: other boxes are not found, only dialled');
    }
  }

  #heardBeacon(datagram: Uint8Array, from: string): void {
    const { clock, counters } = this.#parts;
    const beacon = decodeLanBeacon(datagram);
    if (!beacon) counters.count('lan.refused.beacon');
    else if (this.#dialling.found(from, beacon.port, toHex(beacon.instance), clock.monotonic())) this.#dial();
    else counters.count('lan.refused.too-many-found');
  }

  #look(): void {
    for (const connection of [...this.#all.values()]) connection.look();
    this.#dial();
  }

  #dial(): void {
    const isConnected = (target: Target) => this.#named().some((c) => leadsTo(c, target));
    for (const target of this.#dialling.due(this.#parts.clock.monotonic(), isConnected))
      void this.#dialOne(target);
  }

  async #dialOne(target: Target): Promise<void> {
    const { clock, log, net } = this.#parts;
    const given = new AbortController();
    const cancel = clock.after(DIAL_MS, () => given.abort());
    try {
      const stream = await net.dial(target, AbortSignal.any([given.signal, this.#ending.signal]));
      this.#take(stream, true, target);
    } catch (e) {
      log.debug({ host: target.host, port: target.port, error: messageOf(e) }, 'not reached');
      this.#dialling.failed(target, clock.monotonic());
    } finally {
      cancel();
    }
  }

  /** A connection has come about; `target` was dialled for it. */
  #take(stream: Stream, dialled: boolean, target?: Target): void {
    const { clock, counters } = this.#parts;
    const now = () => clock.monotonic();
    const admission = admit([...this.#all.values()], stream.remote);
    if (this.#ending.signal.aborted || !admission.admitted) {
      if (!this.#ending.signal.aborted) counters.count('lan.refused.too-many-connections');
      stream.destroy();
      if (target) this.#dialling.failed(target, now());
      return;
    }
    if (admission.evicted !== undefined) this.#all.get(admission.evicted)?.end('evicted');
    const via = `lan-${this.#nextVia++}`;
    const configured = target?.configured ?? false;
    const connection = new Connection({ via, stream, dialled, configured, instance: this.#instance, now });
    this.#all.set(via, connection);
    if (target) this.#dialled.set(via, target);
    connection.onNamed.on(() => this.#met(connection));
    connection.onFrame.on((bytes) => {
      const reception = { medium: this.name, via, rssiDbm: undefined, snrDb: undefined, at: now() };
      this.onFrame.emit({ bytes, reception });
    });
    connection.onEnd.on((reason) => this.#ended(connection, reason));
  }

  /** The other end has said who it is. */
  #met(connection: Connection): void {
    const instance = connection.instance as string;
    const target = this.#dialled.get(connection.via);
    if (instance === this.#own) {
      if (target) this.#dialling.forget(target);
      connection.end('self');
      return;
    }
    if (target) this.#dialling.connected(target, instance);
    // another way to a box that has dialled this one: it will not prove itself by two
    const known = this.#named().find((c) => c.instance === instance && c.owner !== undefined);
    if (target && known) target.owner ??= known.owner;
    this.#onChange.emit({ via: connection.via, up: true });
  }

  #ended(connection: Connection, reason: EndReason): void {
    const { clock, counters } = this.#parts;
    const target = this.#dialled.get(connection.via);
    this.#dialled.delete(connection.via);
    this.#all.delete(connection.via);
    if (isRefusal(reason)) counters.count(`lan.refused.${reason}`);
    else if (reason !== 'closed') counters.count(`lan.dropped.${reason}`);
    if (target) this.#dialling.failed(target, clock.monotonic());
    if (connection.named) this.#onChange.emit({ via: connection.via, up: false });
  }

  #prove(via: string, owner: string, isStranger: boolean): void {
    const connection = this.#all.get(via);
    if (!connection?.instance) return;
    connection.owner = owner;
    connection.stranger = isStranger && !connection.configured;
    const target = this.#dialled.get(via);
    if (target) this.#dialling.proven(target, owner, this.#parts.clock.monotonic());
    for (const other of superfluous([...this.#all.values()], connection, this.#own))
      this.#all.get(other)?.end('superfluous');
  }

  #named(): Connection[] {
    return [...this.#all.values()].filter((c) => c.named);
  }
}

/** Whether a connection is one to whoever is dialled there: its node's, or, while that is not known, from that address. */
function leadsTo({ instance, owner, remote }: Connection, target: Target): boolean {
  if (owner !== undefined && owner === target.owner) return true;
  return instance === target.instance && remote === target.host;
}
