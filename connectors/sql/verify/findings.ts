/** What a check found out: one sentence or phrase each. */
export interface Findings {
  /** Differences. */
  readonly problems: string[];
  /** What was looked at and is as it should be, or is among the problems. */
  readonly checked: string[];
  /** What cannot be looked at, and why. */
  readonly unchecked: string[];
}

export function noFindings(): Findings {
  return { problems: [], checked: [], unchecked: [] };
}

/** `1 row`, `2 rows`. */
export function counted(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? '' : 's'}`;
}
