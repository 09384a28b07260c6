/** How many others have sent a solicit that was heard here (docs/protocol/mesh.md, "Solicit"). */

/** More of those who are not linked make no difference. */
const MOST_OTHERS = 3;

/** Who has sent it, by the index that it names as its sender; nothing proves that, so what costs nothing counts little. */
export class Copies {
  readonly #linked = new Set<number>();
  readonly #others = new Set<number>();

  /** Notes a copy; `index` is its sender's, 0 nobody's. However often one sender sends it, that is one copy. */
  heard(index: number, isLinked: boolean): this {
    if (isLinked) this.#linked.add(index);
    else if (index !== 0 && this.#others.size < MOST_OTHERS) this.#others.add(index);
    return this;
  }

  /** Those of linked neighbours, and of others at most as many as are heard here of those who are not linked. */
  count(strangers: () => number): number {
    const others = this.#others.size;
    return this.#linked.size + (others > 0 ? Math.min(others, strangers()) : 0);
  }
}
