/**
 * The SX1276/77/78 as a `Radio`: one state, one operation at a time, interrupts that are believed but never relied
 * on, and a way back from everything a chip on a roof can do.
 */
import type { Cancel, Clock } from '../../src/core/clock.ts';
import type { Counters } from '../../src/core/counters.ts';
import { PersonError } from '../../src/core/errors.ts';
import { Event } from '../../src/core/events.ts';
import type { Log } from '../../src/core/log.ts';
import type { RadioHardware } from '../hal/hal.ts';
import { ActivityAge, activityOf } from './activity.ts';
import { Chip, opModeOf } from './chip.ts';
import { type RegisterValue, registerValues } from './configuration.ts';
import { ChipFault, type FaultKind } from './faults.ts';
import { Hearing } from './hearing.ts';
import { Interrupts } from './interrupts.ts';
import { Lock } from './lock.ts';
import { rssiDbm } from './measurements.ts';
import type { PacketStatus } from './packet.ts';
import {
  type ChannelState,
  type LoraSettings,
  type Radio,
  type RadioEvent,
  RadioFault,
  type ReceivedFrame,
  type TransmitReport,
} from './radio.ts';
import { Receiver } from './receiver.ts';
import { Dio0, Irq, Mode, Register } from './registers.ts';
import { Signal } from './signal.ts';
import { diagnose, registerOf } from './snapshot.ts';
import { cadMs, timeOnAirMs } from './time-on-air.ts';

/** The whole register file is looked at this often in receive. */
const LOOK_MS = 1000;
/** Bounds of the time between two looks at the flags where there are no interrupts. */
const POLL_LEAST_MS = 5;
const POLL_MOST_MS = 100;
/** A reset that did not help is repeated after this, doubling up to the most. */
const RETRY_MS = 1000;
const RETRY_MOST_MS = 60_000;

/** What the chip is configured to; changes as a whole. */
interface Setup {
  readonly settings: LoraSettings;
  readonly registers: readonly RegisterValue[];
  readonly age: ActivityAge;
}

type State =
  | { readonly kind: 'stopped' }
  /** Being brought up or switched; entered and left within one operation. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'receiving' }
  | { readonly kind: 'transmitting'; readonly interrupt: Signal }
  | { readonly kind: 'cad'; readonly interrupt: Signal }
  | { readonly kind: 'recovering'; readonly what: FaultKind; readonly cancelRetry: Cancel };

export class Sx127x implements Radio {
  readonly onFrame = new Event<ReceivedFrame>();
  readonly onEvent = new Event<RadioEvent>();
  readonly #hardware: RadioHardware;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #log: Log;
  readonly #chip: Chip;
  readonly #receiver: Receiver;
  readonly #interrupts: Interrupts;
  readonly #lock = new Lock();
  readonly #hearing: Hearing;
  #state: State = { kind: 'stopped' };
  #setup: Setup | undefined;
  #cancelEdge: Cancel = () => {};
  #cancelPoll: Cancel = () => {};
  #serviceRequested = false;
  #lookedAt = 0;
  #falseActivity = false;
  readonly #lookMs: number;

  /** `lookMs`: time between two looks at the whole register file, 1 s unless said. */
  constructor(hardware: RadioHardware, clock: Clock, counters: Counters, log: Log, lookMs = LOOK_MS) {
    this.#lookMs = lookMs;
    this.#hardware = hardware;
    this.#clock = clock;
    this.#counters = counters;
    this.#log = log;
    this.#chip = new Chip(hardware, clock);
    this.#interrupts = new Interrupts(hardware.dio0, clock, () => {
      counters.count('radio.missed-interrupt');
      this.#tell({ kind: 'recovered', what: 'missed-interrupt' });
    });
    this.#hearing = new Hearing(clock.monotonic());
    this.#receiver = new Receiver(this.#chip.registers, clock, counters, this.#hearing);
  }

  start(settings: LoraSettings): Promise<void> {
    return this.#lock.run(async () => {
      if (this.#state.kind !== 'stopped') throw new Error('the radio is already started');
      const setup = setupOf(settings);
      try {
        this.#state = { kind: 'idle' };
        this.#cancelEdge = this.#interrupts.listen(() => this.#edge());
        await this.#bringUp(setup);
      } catch (cause) {
        this.#cancelEdge();
        this.#state = { kind: 'stopped' };
        throw cause instanceof ChipFault ? silence(cause) : cause;
      }
      this.#setup = setup;
      this.#armPoll();
    });
  }

  configure(settings: LoraSettings): Promise<void> {
    return this.#lock.run(async () => {
      const setup = setupOf(settings);
      const old = this.#ready();
      this.#setup = setup; // a recovery from here on brings up the new settings
      await this.#attempt(async () => {
        this.#state = { kind: 'idle' };
        await this.#chip.enter(Mode.Standby, settings.frequencyHz);
        await this.#drain(old);
        await this.#chip.configure(setup.registers);
        await this.#receive(setup);
      });
    });
  }

  transmit(bytes: Uint8Array): Promise<TransmitReport> {
    return this.#lock.run(async () => {
      if (bytes.length < 1 || bytes.length > 255) throw new RangeError(`${bytes.length} bytes are no frame`);
      const setup = this.#ready();
      return this.#attempt(() => this.#transmit(setup, bytes));
    });
  }

  channel(): Promise<ChannelState> {
    return this.#lock.run(async () => {
      const { settings, age } = this.#ready();
      return this.#attempt(async () => {
        const burst = await this.#chip.registers.readBurst(Register.ModemStat, 4);
        const activity = activityOf(burst[0] as number);
        return {
          activity: this.#aged(age, activity) ? 'clear' : activity,
          rssiDbm: rssiDbm(burst[Register.RssiValue - Register.ModemStat] as number, settings.frequencyHz),
        };
      });
    });
  }

  detect(): Promise<boolean> {
    return this.#lock.run(async () => {
      const setup = this.#ready();
      return this.#attempt(async () => {
        const { modemStat } = await this.#drain(setup);
        const activity = activityOf(modemStat);
        if (activity !== 'clear' && !this.#aged(setup.age, activity)) return true;
        return this.#detect(setup);
      });
    });
  }

  stop(): Promise<void> {
    return this.#lock.run(async () => {
      this.#cancelPoll();
      this.#cancelEdge();
      if (this.#state.kind === 'recovering') this.#state.cancelRetry();
      const answering = this.#state.kind === 'receiving';
      this.#state = { kind: 'stopped' };
      const { spi, reset, dio0, dio1, dio2, dio3 } = this.#hardware;
      try {
        const frequencyHz = this.#setup?.settings.frequencyHz ?? 0;
        if (answering) await this.#chip.enter(Mode.Sleep, frequencyHz);
      } catch (e) {
        if (!(e instanceof ChipFault)) throw e;
        this.#log.warn({ fault: e.kind }, `the radio did not go to sleep: ${e.message}`);
      } finally {
        for (const line of [reset, dio0, dio1, dio2, dio3]) await line?.close();
        await spi.close();
      }
    });
  }

  /** A task nobody waits for; a fault in it has been dealt with by `#attempt`. */
  #background(task: () => Promise<void>): Promise<void> {
    return this.#lock.run(task).catch((e) => {
      if (!(e instanceof RadioFault)) throw e;
    });
  }

  /** Runs an operation on the chip; where the chip fails it is recovered, and the operation is given up. */
  async #attempt<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } catch (e) {
      if (!(e instanceof ChipFault)) throw e;
      await this.#recover(e);
      throw new RadioFault(e.message, { cause: e });
    }
  }

  #ready(): Setup {
    if (this.#state.kind === 'recovering')
      throw new RadioFault(`the radio is being recovered (${this.#state.what})`);
    if (this.#state.kind !== 'receiving' || !this.#setup) throw new RadioFault('the radio is not started');
    return this.#setup;
  }

  async #bringUp(setup: Setup): Promise<void> {
    const { frequencyHz } = setup.settings;
    await this.#chip.reset();
    await this.#chip.identify();
    await this.#chip.calibrate(frequencyHz);
    await this.#chip.enter(Mode.Sleep, frequencyHz);
    await this.#chip.enter(Mode.Standby, frequencyHz);
    await this.#chip.configure(setup.registers);
    await this.#receive(setup);
  }

  /** From standby into continuous receive. The state is set first: the first frame may end while the mode is awaited. */
  async #receive({ settings }: Setup): Promise<void> {
    const { registers } = this.#chip;
    await registers.write(Register.DioMapping1, Dio0.RxDone);
    await registers.write(Register.IrqFlags, Irq.All);
    this.#receiver.restarted();
    this.#state = { kind: 'receiving' };
    await this.#chip.enter(Mode.ReceiveContinuous, settings.frequencyHz);
    // an edge that came while DIO0 changed its meaning is not seen by everybody
    if ((await registers.read(Register.IrqFlags)) & Irq.RxDone) this.#requestService();
  }

  async #transmit(setup: Setup, bytes: Uint8Array): Promise<TransmitReport> {
    const { registers } = this.#chip;
    const { frequencyHz } = setup.settings;
    const airtimeMs = timeOnAirMs(setup.settings, bytes.length);
    const interrupt = new Signal();
    this.#state = { kind: 'transmitting', interrupt };
    await this.#chip.enter(Mode.Standby, frequencyHz);
    // what was received up to this moment is about to be overwritten
    await this.#drain(setup);
    await registers.writeFifo(0, bytes);
    await registers.writeVerified(Register.PayloadLength, bytes.length);
    // TxDone is down since the receiver was entered
    await registers.write(Register.DioMapping1, Dio0.TxDone);
    const startedAt = this.#clock.monotonic();
    await registers.write(Register.OpMode, opModeOf(Mode.Transmit, frequencyHz));
    const done = await this.#interrupts.awaitFlag(registers, interrupt, Irq.TxDone, airtimeMs);
    if (!done)
      throw new ChipFault('transmit-timeout', `no TxDone within 1.5 times ${Math.round(airtimeMs)} ms`);
    await this.#receive(setup);
    return { startedAt, endedAt: done.at, airtimeMs };
  }

  async #detect(setup: Setup): Promise<boolean> {
    const { registers } = this.#chip;
    const { frequencyHz } = setup.settings;
    const interrupt = new Signal();
    this.#state = { kind: 'cad', interrupt };
    await this.#chip.enter(Mode.Standby, frequencyHz);
    await registers.write(Register.DioMapping1, Dio0.CadDone);
    await registers.write(Register.OpMode, opModeOf(Mode.Cad, frequencyHz));
    const done = await this.#interrupts.awaitFlag(registers, interrupt, Irq.CadDone, cadMs(setup.settings));
    if (!done) throw new ChipFault('stuck-mode', 'channel activity detection does not end');
    await this.#receive(setup);
    return (done.flags & Irq.CadDetected) !== 0;
  }

  #edge(): void {
    if (this.#state.kind === 'receiving') this.#requestService(this.#clock.monotonic());
    else if (this.#state.kind === 'transmitting' || this.#state.kind === 'cad') this.#state.interrupt.set();
  }

  #requestService(edgeAt?: number): void {
    if (this.#serviceRequested) return;
    this.#serviceRequested = true;
    void this.#background(async () => {
      this.#serviceRequested = false;
      if (this.#state.kind !== 'receiving' || !this.#setup) return;
      const setup = this.#setup;
      await this.#attempt(() => this.#drain(setup, edgeAt));
    });
  }

  /** Listeners run outside the operation under way: what they throw is no fault of the radio. */
  #drain({ settings }: Setup, edgeAt?: number): Promise<PacketStatus> {
    const deliver = (frame: ReceivedFrame) => queueMicrotask(() => this.onFrame.emit(frame));
    return this.#receiver.drain(settings, deliver, edgeAt);
  }

  #armPoll(): void {
    const settings = this.#setup?.settings;
    if (!settings || this.#state.kind === 'stopped') return;
    // without interrupts, often enough that the shortest frame is taken before the next one can end
    const fast = Math.min(Math.max(timeOnAirMs(settings, 1) / 2, POLL_LEAST_MS), POLL_MOST_MS);
    this.#cancelPoll = this.#clock.after(this.#interrupts.trusted ? this.#lookMs : fast, () => {
      void this.#background(() => this.#poll()).finally(() => this.#armPoll());
    });
  }

  async #poll(): Promise<void> {
    const setup = this.#setup;
    if (this.#state.kind !== 'receiving' || !setup) return;
    await this.#attempt(async () => {
      if (!this.#interrupts.trusted) {
        await this.#drain(setup);
        if (this.#clock.monotonic() - this.#lookedAt < this.#lookMs) return;
      }
      this.#lookedAt = this.#clock.monotonic();
      await this.#look(setup);
    });
  }

  /** One transfer shows the mode, the configuration, missed interrupts and whether the receiver hears. */
  async #look(setup: Setup): Promise<void> {
    const expected = opModeOf(Mode.ReceiveContinuous, setup.settings.frequencyHz);
    let snapshot = await this.#chip.snapshot();
    if (diagnose(snapshot, expected, setup.registers)) {
      // a single garbled transfer is no reason for a reset
      snapshot = await this.#chip.snapshot();
      const fault = diagnose(snapshot, expected, setup.registers);
      if (fault) throw new ChipFault(fault, `the register file is not as it was written (${fault})`);
      this.#counters.count('radio.spi-garbage');
      this.#tell({ kind: 'recovered', what: 'spi-garbage' });
    }
    const flags = registerOf(snapshot, Register.IrqFlags);
    const now = this.#clock.monotonic();
    if (flags & Irq.ValidHeader) this.#hearing.heard(now);
    if (flags & Irq.RxDone && !this.#serviceRequested) {
      this.#interrupts.missed();
      await this.#drain(setup);
    }
    if (this.#hearing.deaf(registerOf(snapshot, Register.RssiValue), now))
      throw new ChipFault('deaf', 'nothing has been heard for too long');
  }

  #aged(age: ActivityAge, activity: ChannelState['activity']): boolean {
    const expired = age.expired(activity, this.#clock.monotonic());
    if (expired && !this.#falseActivity) this.#counters.count('radio.false-activity');
    this.#falseActivity = expired;
    return expired;
  }

  async #recover(fault: ChipFault): Promise<void> {
    this.#counters.count(`radio.${fault.kind}`);
    this.#log.warn({ fault: fault.kind }, `the radio is reset: ${fault.message}`);
    await this.#revive(fault.kind, RETRY_MS, true);
  }

  /** Resets and configures anew; where that fails, again and again, ever more rarely. */
  async #revive(what: FaultKind, retryMs: number, first: boolean): Promise<void> {
    const setup = this.#setup;
    if (!setup || this.#state.kind === 'stopped') return;
    this.#state = { kind: 'idle' };
    this.#counters.count('radio.reset');
    try {
      await this.#bringUp(setup);
      this.#log.info({ fault: what }, 'the radio works again');
      this.#tell({ kind: 'recovered', what });
    } catch (e) {
      if (!(e instanceof ChipFault)) throw e;
      if (first) {
        const sentence = silence(e).message;
        this.#log.error({ fault: what }, sentence);
        this.#tell({ kind: 'failed', what, sentence });
      }
      const again = () =>
        this.#background(() => this.#revive(what, Math.min(2 * retryMs, RETRY_MOST_MS), false));
      this.#state = { kind: 'recovering', what, cancelRetry: this.#clock.after(retryMs, () => void again()) };
    }
  }

  #tell(event: RadioEvent): void {
    queueMicrotask(() => this.onEvent.emit(event));
  }
}

function setupOf(settings: LoraSettings): Setup {
  return { settings, registers: registerValues(settings), age: new ActivityAge(settings) };
}

function silence(cause: ChipFault): PersonError {
  return new PersonError(
    'radio-silent',
    `The LoRa chip does not answer as it should (${cause.message}): check that the HAT sits firmly, that SPI is ` +
      'enabled (raspi-config, Interface Options) and that the configured board is the one fitted.',
    { cause },
  );
}
