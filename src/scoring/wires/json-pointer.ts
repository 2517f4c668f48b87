/** The steps of a JSON pointer (RFC 6901): `/a/0/b` leads from the root to `a`, its first item, and there to `b`. Null for none. */
export function pointerSteps(pointer: string): readonly string[] | null {
  if (pointer === '') return [];
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) return null;
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The value that the steps lead to; undefined where there is none. */
export function valueAtSteps(root: unknown, steps: readonly string[]): unknown {
  let at = root;
  for (const step of steps) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = Object.getOwnPropertyDescriptor(at, step)?.value;
  }
  return at;
}
