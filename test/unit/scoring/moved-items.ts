import * as fc from 'fast-check';

/** What becomes of an item: it is left out, comes twice, or stands at another place. */
type Edit = readonly ['drop' | 'double' | 'move', number, number];

/** Some edits of so many items. */
export function editsOf(items: number): fc.Arbitrary<readonly Edit[]> {
  const place = fc.nat(items - 1);
  const edit = fc.tuple(fc.constantFrom('drop' as const, 'double' as const, 'move' as const), place, place);
  return fc.array(edit, { minLength: 1, maxLength: 4 });
}

/** The items with the edits done, one after the other. */
export function edited<T>(items: readonly T[], edits: readonly Edit[]): readonly T[] {
  const changed = [...items];
  for (const [edit, from, to] of edits) {
    const [taken] = changed.splice(from % Math.max(1, changed.length), 1);
    if (taken === undefined || edit === 'drop') continue;
    changed.splice(to, 0, ...(edit === 'double' ? [taken, taken] : [taken]));
  }
  return changed;
}
