/** Typed events between rooms: a room declares what it tells, whoever builds the rooms listens. */
import type { Cancel } from './clock.ts';

/** One kind of event. Listeners run synchronously, in the order they came. */
export class Event<T> {
  readonly #listeners = new Set<(value: T) => void>();

  on(listener: (value: T) => void): Cancel {
    const own = (value: T) => listener(value);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  emit(value: T): void {
    if (this.#listeners.size === 0) return;
    for (const listener of [...this.#listeners]) listener(value);
  }
}
