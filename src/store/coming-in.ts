/** Objects that a commit brings which is not durable yet, by the line that they come into. */
import type { Tx } from '../db/db.ts';

export class ComingIn {
  readonly #counts = new Map<string, number>();

  /** One comes with this transaction. */
  add(tx: Tx, line: string): void {
    this.#count(line, 1);
    tx.afterCommit(() => this.#count(line, -1));
  }

  of(line: string): number {
    return this.#counts.get(line) ?? 0;
  }

  #count(line: string, more: 1 | -1): void {
    const count = this.of(line) + more;
    if (count > 0) this.#counts.set(line, count);
    else this.#counts.delete(line);
  }
}
