import type { Manifest } from '../../core/ledger.ts';

/** What a replay did to one output. */
export interface ReplayReport {
  readonly output: string;
  /** Dead letters that the output had. */
  readonly letters: number;
  /** Rows that were scored now; each stands in the output where its blank row stood, in a topic behind what was there. */
  readonly scored: number;
  /** Rows that were tried and failed again; they are dead letters still, with the reason of now. */
  readonly failed: number;
  /**
   * Letters that were not tried: records that were no rows, rows of which only the first 64 KiB were kept, rows of other columns than the
   * first that failed, and rows whose place nobody knows.
   */
  readonly untried: number;
  /** As it is now; null for topics, whose rows have none, and for tables of live topics, of which each part has one. */
  readonly manifest: Manifest | null;
}

/** Of an output that has no dead letters. */
export function nothingIn(output: string): ReplayReport {
  return { output, letters: 0, scored: 0, failed: 0, untried: 0, manifest: null };
}

/** Of the parts of a live topic that are in one output. */
export function inAll(output: string, parts: readonly ReplayReport[]): ReplayReport {
  return parts.reduce(
    (sum, { letters, scored, failed, untried }) => ({
      ...sum,
      letters: sum.letters + letters,
      scored: sum.scored + scored,
      failed: sum.failed + failed,
      untried: sum.untried + untried,
    }),
    nothingIn(output),
  );
}
