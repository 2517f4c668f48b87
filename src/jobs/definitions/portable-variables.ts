/** The variables that stand in a portable job for what is not given away. */
export class PortableVariables {
  readonly #names = new Map<string, string>();

  /** What is to be set, one line each. */
  get needed(): readonly string[] {
    return [...this.#names].map(([name, what]) => `${name}: ${what}`);
  }

  /** A variable without which the job does not run. */
  needs(name: string, what: string): string {
    this.#names.set(name, what);
    return `\${${name}:?${what}}`;
  }

  /** What a run takes from its environment by itself. */
  mentions(names: string, what: string): void {
    this.#names.set(names, what);
  }

  /** One that has a default. */
  takes(name: string, what: string, otherwise: string): string {
    this.#names.set(name, `${what} (${otherwise === '' ? 'none' : otherwise} if it is not set)`);
    return `\${${name}:-${otherwise}}`;
  }
}

/** A value in which no text is taken for a variable. */
export function verbatim<T>(value: T): T {
  return escaped(value) as T;
}

function escaped(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('${', () => '$${');
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]: [string, unknown]) => [name, escaped(inner)]));
}
