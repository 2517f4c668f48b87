import type { Associations } from '../../../core/monitor.ts';

/** So many rows a line: some 200 KB with IDs of the greatest length, so that a line fits a record. */
const ROWS_PER_LINE = 500;

/** Predictions by association ID as lines of JSON; there is at least one. They are as many as rows, too many for a header. */
export function associationLines({
  ids,
  rows,
  predictions,
  positiveClass,
  probabilities,
}: Associations): readonly string[] {
  return Array.from({ length: Math.max(1, Math.ceil(ids.length / ROWS_PER_LINE)) }, (_, line) => {
    const [from, to] = [line * ROWS_PER_LINE, (line + 1) * ROWS_PER_LINE];
    const some: Associations = {
      ids: ids.slice(from, to),
      rows: rows.slice(from, to),
      predictions: predictions.slice(from, to),
      positiveClass,
      probabilities: probabilities.slice(from, to),
    };
    return JSON.stringify(some);
  });
}

/** The same again; undefined for no lines. */
export function associationsOfLines(lines: readonly string[]): Associations | undefined {
  if (lines.length === 0) return undefined;
  const parts = lines.map((line) => JSON.parse(line) as Associations);
  return {
    ids: parts.flatMap(({ ids }) => ids),
    rows: parts.flatMap(({ rows }) => rows),
    predictions: parts.flatMap(({ predictions }) => predictions),
    positiveClass: parts[0]!.positiveClass,
    probabilities: parts.flatMap(({ probabilities }) => probabilities),
  };
}
