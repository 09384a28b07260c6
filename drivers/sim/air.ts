/** Where radios meet: who hears whom how strongly. What a receiver makes of it is the receiver's own affair. */
import type { Cancel, Clock } from '../../src/core/clock.ts';
import { Event } from '../../src/core/events.ts';
import type { Random } from '../../src/core/random.ts';
import { Agenda } from './agenda.ts';
import { NOISE_FIGURE_DB, noiseFloorDbm, requiredSnrDb } from './modulation.ts';
import { Propagation, type PropagationOptions } from './propagation.ts';
import {
  type Arrival,
  type Emission,
  type Outcome,
  type ReceptionReport,
  silentMs,
  type Transmission,
  transmissionOf,
} from './transmission.ts';

/** A receiver's side of the air. */
export interface Antenna {
  readonly name: string;
  /** A frame has started that can be heard here, if only as interference. Called at its start. */
  arrive(arrival: Arrival): void;
}

/** What a chip may do once it is in the air. */
export interface AirPort {
  /** The order of events in this air; the chip keeps its own appointments there too. */
  readonly agenda: Agenda;
  /** Announces a frame at its start. */
  transmit(emission: Emission): Transmission;
  /** The transmitter has stopped before the end of `transmission`. */
  cut(transmission: Transmission, atMs: number): void;
  /** What became of an arrival, for those who watch. */
  report(arrival: Arrival, outcome: Outcome): void;
  detach(): void;
}

/** What a simulated chip needs of an air: this process's own (`Air`) or another process's (`HubClient`). */
export interface Ether {
  attach(antenna: Antenna): AirPort;
}

export interface AirOptions extends PropagationOptions {
  readonly clock: Clock;
  readonly random: Random;
}

/** Below sensitivity by the capture threshold a signal cannot even spoil another. */
const INTERFERENCE_MARGIN_DB = 6;
const STRONGEST_DBM = 20;
const WEAKEST_DBM = -155;

interface Neighbour {
  readonly antenna: Antenna;
  readonly meanLossDb: number;
}

export class Air implements Ether {
  /** Every frame as it starts, `endMs` as planned. */
  readonly onStart = new Event<Transmission>();
  /** Every frame once it is over; `cutMs` is finite where it was broken off. */
  readonly onTransmission = new Event<Transmission>();
  /** What became of every frame at every radio within earshot. */
  readonly onReception = new Event<ReceptionReport>();
  readonly agenda: Agenda;
  readonly #propagation: Propagation;
  readonly #antennas = new Map<string, Antenna>();
  readonly #neighbours = new Map<string, readonly Neighbour[]>();
  readonly #endings = new Map<Transmission, Cancel>();
  #lastId = 0;

  constructor(options: AirOptions) {
    this.agenda = new Agenda(options.clock);
    this.#propagation = new Propagation(options.random.fork('propagation'), options);
  }

  /** Fixes the loss between `a` and `b` both ways, dB; Infinity parts them. Takes effect with the next frame. */
  setLoss(a: string, b: string, lossDb: number): void {
    this.setOneWayLoss(a, b, lossDb);
    this.setOneWayLoss(b, a, lossDb);
  }

  /** Fixes the loss of what `to` hears of `from`, dB. */
  setOneWayLoss(from: string, to: string, lossDb: number): void {
    this.#propagation.setOneWay(from, to, lossDb);
    this.#neighbours.clear();
  }

  /** Puts a radio somewhere, in metres; the loss between two placed radios follows from their distance. */
  place(name: string, x: number, y: number): void {
    this.#propagation.place(name, x, y);
    this.#neighbours.clear();
  }

  /** The loss of what `to` hears of `from` at this moment, dB. */
  lossDb(from: string, to: string): number {
    return this.#propagation.meanLossDb(from, to) + this.#propagation.fadingDb(from, to, this.agenda.now());
  }

  has(name: string): boolean {
    return this.#antennas.has(name);
  }

  /** Names are unique: a second radio of the same name is a mistake. */
  attach(antenna: Antenna): AirPort {
    const { name } = antenna;
    if (this.#antennas.has(name)) throw new Error(`a radio called ${name} is in the air already`);
    this.#antennas.set(name, antenna);
    this.#neighbours.clear();
    return {
      agenda: this.agenda,
      transmit: (emission) => this.#start(name, emission),
      cut: (transmission, atMs) => this.#cut(transmission, atMs),
      report: (arrival, outcome) =>
        this.onReception.emit({
          transmission: arrival.transmission,
          at: name,
          outcome,
          powerDbm: arrival.powerDbm,
        }),
      detach: () => {
        if (!this.#antennas.delete(name)) return;
        this.#neighbours.clear();
        for (const t of this.#endings.keys()) if (t.from === name) this.#cut(t, this.agenda.now());
      },
    };
  }

  #start(from: string, emission: Emission): Transmission {
    const t = transmissionOf(++this.#lastId, from, emission);
    const { bandwidthHz, spreadingFactor } = t.modulation;
    const floor =
      noiseFloorDbm(bandwidthHz, NOISE_FIGURE_DB) + requiredSnrDb(spreadingFactor) - INTERFERENCE_MARGIN_DB;
    this.#endings.set(
      t,
      this.agenda.at(t.endMs, () => this.#over(t)),
    );
    this.onStart.emit(t);
    for (const { antenna, meanLossDb } of this.#neighboursOf(from)) {
      const loss = meanLossDb + this.#propagation.fadingDb(from, antenna.name, t.startMs);
      const powerDbm = t.powerDbm - loss;
      if (powerDbm >= floor) antenna.arrive({ transmission: t, powerDbm });
    }
    return t;
  }

  #cut(t: Transmission, atMs: number): void {
    if (atMs >= silentMs(t)) return;
    t.cutMs = atMs;
    this.#endings.get(t)?.();
    this.#over(t);
  }

  #over(t: Transmission): void {
    if (this.#endings.delete(t)) this.onTransmission.emit(t);
  }

  /** Everyone who could ever hear `from`, so that a frame costs nothing at the rest. */
  #neighboursOf(from: string): readonly Neighbour[] {
    let found = this.#neighbours.get(from);
    if (!found) {
      const budget = STRONGEST_DBM - WEAKEST_DBM + this.#propagation.deepestGainDb;
      found = [...this.#antennas.values()]
        .filter((antenna) => antenna.name !== from)
        .map((antenna) => ({ antenna, meanLossDb: this.#propagation.meanLossDb(from, antenna.name) }))
        .filter((n) => n.meanLossDb <= budget);
      this.#neighbours.set(from, found);
    }
    return found;
  }
}
