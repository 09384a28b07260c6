/**
 * Growing numbers in groups, each group in order: whose objects are held here. A number costs eight bytes. They are
 * mostly added at the end and removed near the beginning.
 */
export class OrderedNumbers {
  readonly #groups = new Map<string, number[]>();

  add(group: string, n: number): void {
    const numbers = this.#groups.get(group);
    if (!numbers) {
      this.#groups.set(group, [n]);
      return;
    }
    const at = positionOf(numbers, n);
    if (numbers[at] !== n) numbers.splice(at, 0, n);
  }

  remove(group: string, n: number): void {
    const numbers = this.#groups.get(group);
    if (!numbers) return;
    const at = positionOf(numbers, n);
    if (numbers[at] === n) numbers.splice(at, 1);
    if (numbers.length === 0) this.#groups.delete(group);
  }

  /** In order; to be looked at, not kept. */
  of(group: string): readonly number[] {
    return this.#groups.get(group) ?? [];
  }

  /** The first of a group above `n`. */
  after(group: string, n: number): number | undefined {
    const numbers = this.of(group);
    return numbers[positionOf(numbers, n + 1)];
  }

  groups(): readonly string[] {
    return [...this.#groups.keys()].sort();
  }
}

/** Index of the first number that is not below `n`; the end is tried first, because they mostly grow. */
function positionOf(numbers: readonly number[], n: number): number {
  let low = 0;
  let high = numbers.length;
  if (high > 0 && (numbers[high - 1] as number) < n) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] as number) < n) low = middle + 1;
    else high = middle;
  }
  return low;
}
