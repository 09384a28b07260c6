/**
 * The medium of LoRa: queue, access, packer and limiter joined to one transceiver (docs/protocol/link.md, "Medium
 * access on LoRa" and "The law"). One turn after the other: an answer that is due; else whoever heads the queue, once
 * the law and the channel let it.
 */
import { checkLawful, mtu, type Region, type SubBand, subBandOf } from '../../../board/regions.ts';
import {
  type LoraSettings,
  type Radio,
  RadioFault,
  type ReceivedFrame,
} from '../../../drivers/sx127x/radio.ts';
import { timeOnAirMs } from '../../../drivers/sx127x/time-on-air.ts';
import type { Cancel, Clock } from '../../core/clock.ts';
import type { Counters } from '../../core/counters.ts';
import { PersonError } from '../../core/errors.ts';
import { Event } from '../../core/events.ts';
import { StorageFailed } from '../../db/db.ts';
import type { Medium, Outgoing, Reception, Submission } from '../medium.ts';
import { Channel, type ChannelParts } from './channel.ts';
import { lawfulHead, refuseOlder } from './lawful-head.ts';
import { type AllowanceStore, ChannelTaken, Limiter } from './limiter.ts';
import { Packer } from './packer.ts';
import { type Entry, Queue, type QueueLengths } from './queue.ts';

export interface LoraProfile {
  readonly region: Region;
  readonly settings: LoraSettings;
  /** Less the cable's loss. */
  readonly antennaGainDbi: number;
}

export interface Traffic {
  readonly frames: number;
  readonly bytes: number;
}

export interface LoraStatus {
  /** Whose rules are kept. */
  readonly subBand: SubBand;
  /** ms on air in the last hour, as the law counts, and what it allows (undefined: no duty cycle here). */
  readonly airtimeUsedMs: number;
  readonly airtimeAllowedMs: number | undefined;
  readonly sent: Traffic;
  readonly received: Traffic;
  readonly queue: QueueLengths;
  /** Share of the last hour in which somebody was on the channel, this box included. */
  readonly occupancy: number | undefined;
  readonly noiseFloorDbm: number | undefined;
}

/** Refused as `radio` where the transceiver has been out of order for longer. */
const RADIO_PATIENCE_MS = 5000;
const RADIO_PAUSE_MS = 500;
/** Bytes: lengths up to this are worth remembering the airtime of. */
const LONGEST_KNOWN = 1024;

export class LoraMedium implements Medium {
  readonly name = 'lora';
  readonly mtu: number;
  readonly onFrame = new Event<{ readonly bytes: Uint8Array; readonly reception: Reception }>();
  readonly #settings: LoraSettings;
  /** Everything but `transmit`, which is the limiter's. */
  readonly #radio: Omit<Radio, 'transmit'>;
  readonly #limiter: Limiter;
  readonly #subBand: SubBand;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #airtimes = new Map<number, number>();
  readonly #queue = new Queue();
  readonly #channel: Channel;
  readonly #cancels: Cancel[];
  readonly #serving: Promise<void>;
  #sent: Traffic = { frames: 0, bytes: 0 };
  #received: Traffic = { frames: 0, bytes: 0 };
  #stopped = false;
  #faultySince: number | undefined;
  /** Something happened that the turn under way has not seen. */
  #news = false;
  #wake: () => void = () => {};

  private constructor(
    radio: Omit<Radio, 'transmit'>,
    limiter: Limiter,
    { settings, subBand, mtu }: { settings: LoraSettings; subBand: SubBand; mtu: number },
    parts: ChannelParts,
  ) {
    this.mtu = mtu;
    this.#settings = settings;
    this.#subBand = subBand;
    this.#radio = radio;
    this.#limiter = limiter;
    this.#clock = parts.clock;
    this.#counters = parts.counters;
    this.#channel = new Channel(radio, settings, parts);
    this.#cancels = [
      radio.onFrame.on((frame) => this.#heard(frame)),
      radio.onEvent.on((event) => event.kind === 'recovered' && this.#tell()),
    ];
    this.#serving = this.#serve();
  }

  /**
   * Starts the transceiver with the profile's settings and serves the medium on it. Rejects with `PersonError` where
   * the profile breaks its region, and where the transceiver does not answer.
   */
  static async open(
    radio: Radio,
    profile: LoraProfile,
    store: AllowanceStore,
    parts: ChannelParts,
  ): Promise<LoraMedium> {
    const { region, settings, antennaGainDbi } = profile;
    const airtime = (bytes: number) => timeOnAirMs(settings, bytes);
    const subBand = subBandOf(region, settings.frequencyHz, settings.bandwidthHz);
    const unlawful = checkLawful(region, settings, antennaGainDbi, airtime);
    if (!subBand || unlawful !== undefined)
      throw new PersonError('unlawful', unlawful ?? `${region.name} has no band there.`);
    await radio.start(settings);
    const limiter = new Limiter(radio, subBand, airtime, store, parts);
    const channel = { settings, subBand, mtu: mtu(region, settings, airtime) };
    return new LoraMedium(radio, limiter, channel, parts);
  }

  /** ms on air of a frame of so many bytes. */
  airtime(bytes: number): number {
    // routing weighs everything by its airtime: a few lengths, over and over
    const known = this.#airtimes.get(bytes);
    if (known !== undefined) return known;
    const airtime = timeOnAirMs(this.#settings, bytes);
    if (bytes <= LONGEST_KNOWN) this.#airtimes.set(bytes, airtime);
    return airtime;
  }

  get status(): LoraStatus {
    return {
      subBand: this.#subBand,
      airtimeUsedMs: this.#limiter.usedMs,
      airtimeAllowedMs: this.#limiter.allowedMs,
      sent: this.#sent,
      received: this.#received,
      queue: this.#queue.lengths,
      occupancy: this.#channel.occupancy,
      noiseFloorDbm: this.#channel.noiseFloorDbm,
    };
  }

  submit(outgoing: Outgoing): Promise<Submission> {
    return new Promise((resolve) => {
      const settle = (submission: Submission) => {
        if (!submission.sent) this.#counters.count(`link.refused-${submission.refused}`);
        resolve(submission);
      };
      if (this.#stopped) return settle({ sent: false, refused: 'stopped' });
      if (!this.#queue.offer({ outgoing, since: this.#clock.monotonic(), settle }))
        return settle({ sent: false, refused: 'queue-full' });
      this.#tell();
    });
  }

  /** Lets the grant under way end, refuses the rest, gives back the airtime reserved, and stops the transceiver. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#tell();
    await this.#serving;
    this.#channel.stop();
    for (const cancel of this.#cancels) cancel();
    for (const entry of this.#queue.drain()) entry.settle({ sent: false, refused: 'stopped' });
    await this.#radio.stop();
    await this.#limiter.close();
  }

  async #serve(): Promise<void> {
    while (!this.#stopped) {
      this.#news = false;
      try {
        await this.#rest(await this.#turn());
      } catch (e) {
        if (!(e instanceof RadioFault)) throw e;
        await this.#outOfOrder();
      }
    }
  }

  #tell(): void {
    this.#news = true;
    this.#wake();
  }

  /** Waits until a time, or for news. */
  #rest(until: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (this.#news) return resolve();
      const cancel =
        until === undefined ? () => {} : this.#clock.after(until - this.#clock.monotonic(), resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  /** Does what can be done now, and gives the time of the next turn; undefined: when there is news. */
  async #turn(): Promise<number | undefined> {
    for (const late of this.#queue.takeLate(this.#clock.monotonic()))
      late.settle({ sent: false, refused: 'late' });
    const answer = this.#queue.takeAnswer();
    if (answer) {
      await this.#answer(answer);
      return this.#clock.monotonic();
    }
    const head = this.#lawfulHead();
    if (!head || 'until' in head) {
      this.#channel.done();
      return head?.until;
    }
    if (!(await this.#prepared(head.entry))) return this.#clock.monotonic();
    const step = await this.#channel.contend();
    this.#faultySince = undefined;
    if (step.kind === 'wait') return step.until;
    await this.#use();
    return this.#clock.monotonic();
  }

  /** The window is ours: no contention. */
  async #answer(answer: Entry): Promise<void> {
    if (this.#lawful(answer.outgoing.estimatedBytes)) await this.#grant(answer);
    else answer.settle({ sent: false, refused: 'law' });
  }

  /** The channel is won: for whoever heads the queue by now. */
  async #use(): Promise<void> {
    // an answer that came meanwhile goes first, and the channel may not be ours after it
    if (this.#queue.lengths.answers > 0) return;
    const head = this.#lawfulHead();
    if (!head || 'until' in head) return;
    this.#queue.take(head.entry);
    if (!(await this.#grant(head.entry))) return;
    this.#queue.granted(head.entry.outgoing.priority);
    this.#channel.done();
  }

  #lawfulHead(): ReturnType<typeof lawfulHead> {
    // one reading of the clock: a real one goes on between two
    const now = this.#clock.monotonic();
    const when = ({ outgoing }: Entry) =>
      this.#limiter.when(this.airtime(outgoing.estimatedBytes), outgoing.priority, now);
    return lawfulHead(this.#queue, when, now);
  }

  /** The disk is asked before the channel is: a channel found clear does not stay so. */
  async #prepared(entry: Entry): Promise<boolean> {
    try {
      await this.#limiter.prepare(this.airtime(entry.outgoing.estimatedBytes));
      return true;
    } catch (e) {
      if (!(e instanceof StorageFailed)) throw e;
      this.#queue.take(entry);
      entry.settle({ sent: false, refused: 'law' });
      return false;
    }
  }

  /** Sends what the entry has to say. False where that is nothing, and the channel is still to be had. */
  async #grant(entry: Entry): Promise<boolean> {
    const packer = new Packer(entry.outgoing, this.mtu, (bytes) => this.airtime(bytes));
    let endedAt = 0;
    try {
      while (packer.open && this.#mayGoOn(packer)) {
        const frame = packer.next();
        if (!frame) break;
        if (!this.#lawful(frame.length)) {
          entry.settle({ sent: false, refused: 'law' });
          return true;
        }
        endedAt = await this.#send(frame);
      }
    } catch (e) {
      if (e instanceof RadioFault) entry.settle({ sent: false, refused: 'radio' });
      if (!(e instanceof StorageFailed || e instanceof ChannelTaken)) throw e;
      entry.settle({ sent: false, refused: 'law' });
      return true;
    }
    const { frames } = packer.total;
    entry.settle(frames > 0 ? { sent: true, ...packer.total, endedAt } : { sent: false, refused: 'nothing' });
    return frames > 0;
  }

  #lawful(bytes: number): boolean {
    const at = this.#limiter.when(this.airtime(bytes), 'begun');
    return at !== undefined && at <= this.#clock.monotonic();
  }

  /** Asked before a frame is built, so for the longest there may be. */
  #mayGoOn(packer: Packer): boolean {
    if (packer.total.frames === 0 || this.#lawful(this.mtu)) return true;
    this.#counters.count('link.burst-cut');
    return false;
  }

  async #send(frame: Uint8Array): Promise<number> {
    const { endedAt } = await this.#channel.speak(frame[0] as number, () => this.#limiter.transmit(frame));
    this.#sent = { frames: this.#sent.frames + 1, bytes: this.#sent.bytes + frame.length };
    return endedAt;
  }

  #heard({ bytes, rssiDbm, snrDb, at }: ReceivedFrame): void {
    this.#received = { frames: this.#received.frames + 1, bytes: this.#received.bytes + bytes.length };
    this.#channel.heard(bytes[0] as number, this.airtime(bytes.length), at);
    this.onFrame.emit({ bytes, reception: { medium: this.name, rssiDbm, snrDb, at } });
  }

  /** The driver recovers by itself; those who have waited for that for long are told. */
  async #outOfOrder(): Promise<void> {
    const now = this.#clock.monotonic();
    this.#faultySince ??= now;
    if (now - this.#faultySince >= RADIO_PATIENCE_MS)
      refuseOlder(this.#queue, () => now - RADIO_PATIENCE_MS, 'radio');
    await this.#rest(now + RADIO_PAUSE_MS);
  }
}
