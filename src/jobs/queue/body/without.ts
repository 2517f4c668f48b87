/** The fields of a schema but for some: those that would let a caller reach the machine that serves him. */
export function without<S extends Readonly<Record<string, unknown>>, const K extends keyof S>(
  shape: S,
  ...names: readonly K[]
): Omit<S, K> {
  const kept: Partial<S> = { ...shape };
  for (const name of names) delete kept[name];
  return kept as Omit<S, K>;
}
