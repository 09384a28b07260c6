/** One task at a time, in the order they were asked for: no two operations on the chip interleave. */
export class Lock {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => {}); // its failure is the caller's, not the next task's
    return result;
  }
}
