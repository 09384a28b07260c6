/** Bounded places that several compete for. */

/**
 * Whose turn it is to go where all places are taken: of the group with the most, the one that comes first. So no group
 * takes more than its share from the others, however fast it fills up. Undefined where there is nothing.
 */
export function firstOfFullest<T>(all: Iterable<T>, groupOf: (one: T) => string): T | undefined {
  const groups = new Map<string, { readonly first: T; size: number }>();
  for (const one of all) {
    const group = groupOf(one);
    const known = groups.get(group);
    if (known) known.size++;
    else groups.set(group, { first: one, size: 1 });
  }
  let fullest: { readonly first: T; size: number } | undefined;
  for (const group of groups.values()) if (!fullest || group.size > fullest.size) fullest = group;
  return fullest?.first;
}
