/**
 * One turn on the channel, waited for at the priority of the most urgent thing to say. What comes later and is more
 * urgent raises it: the same turn is then waited for once more, and the first grant takes it.
 */
import type { Medium, Priority, Submission } from './medium.ts';

export interface TurnOptions {
  readonly medium: Medium;
  readonly fairnessKey: string;
  /** The connection by which it goes; undefined: all there are. */
  readonly via: string | undefined;
  readonly estimatedBytes: number;
  /** Begun on the grant: the frames of one burst, each built when the one before is out. */
  readonly frames: () => Iterator<Uint8Array>;
}

export class Turn {
  /** Of the grant that was taken, or of the last one where none could be. */
  readonly done: Promise<Submission>;
  readonly #options: TurnOptions;
  #resolve: (submission: Submission) => void = () => {};
  #priority: Priority;
  #waiting = 0;
  #frames: Iterator<Uint8Array> | undefined;
  #taker: number | undefined;
  #submissions = 0;

  constructor(options: TurnOptions, priority: Priority) {
    this.#options = options;
    this.#priority = priority;
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#submit(priority);
  }

  get priority(): Priority {
    return this.#priority;
  }

  /** Waits at `priority` too, where that is more urgent and the turn has not come yet. */
  raise(priority: Priority): void {
    if (this.#taker !== undefined || priority >= this.#priority) return;
    this.#priority = priority;
    this.#submit(priority);
  }

  async #submit(priority: Priority): Promise<void> {
    const { medium, fairnessKey, via, estimatedBytes } = this.#options;
    const own = this.#submissions++;
    this.#waiting++;
    const submission = await medium.submit({
      priority,
      fairnessKey,
      via,
      estimatedBytes,
      next: () => this.#next(own),
    });
    this.#waiting--;
    if (this.#taker === own || (this.#taker === undefined && this.#waiting === 0)) this.#resolve(submission);
  }

  #next(own: number): Uint8Array | undefined {
    if (this.#taker !== undefined && this.#taker !== own) return undefined;
    this.#frames ??= this.#options.frames();
    const { done, value } = this.#frames.next();
    if (done) {
      // nothing to say after all: another grant may find something
      if (this.#taker === undefined) this.#frames = undefined;
      return undefined;
    }
    this.#taker = own;
    return value;
  }
}
