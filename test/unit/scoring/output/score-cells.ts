import { RowBatch } from '../../../../src/core/row-batch.ts';
import { schemaOf } from '../../../../src/core/schema.ts';
import type { OutputRows } from '../../../../src/core/scored-batch.ts';
import type { ScoreColumn, Scores } from '../../../../src/core/scorer.ts';

const encoder = new TextEncoder();

/** Canonical bytes of records given as cells in canonical text. */
function bytesOf(records: readonly (readonly string[])[]): { bytes: Uint8Array; ends: Uint32Array } {
  const lines = records.map((cells) => encoder.encode(`${cells.join(',') || '""'}\n`));
  let end = 0;
  const ends = Uint32Array.from(lines, (line) => (end += line.length));
  return { bytes: Uint8Array.from(lines.flatMap((line) => [...line])), ends };
}

export function batchOf(intake: readonly string[], rows: readonly (readonly string[])[]): RowBatch {
  const { bytes, ends } = bytesOf(rows);
  const origin = { split: 'a.csv', firstRow: 0, after: null, position: 1, rejected: [] };
  return RowBatch.fromCsv(schemaOf(intake), origin, bytes, ends);
}

export function scoresOf(
  columns: readonly ScoreColumn[],
  records: readonly (readonly string[])[],
  failures: ReadonlyMap<number, string> = new Map(),
): Scores {
  const sorted = [...failures].toSorted(([a], [b]) => a - b);
  return {
    rows: records.length,
    columns,
    ...bytesOf(records),
    failures: sorted.map(([row, reason]) => ({ row, reason, attempts: 1 })),
    model: null,
  };
}

/** What a batch gives of which no row was scored: nobody knows the columns. */
export function failedScores(rows: number, reason: string): Scores {
  const failures = Array.from({ length: rows }, (_, row) => ({ row, reason, attempts: 1 }));
  return { rows, columns: [], bytes: new Uint8Array(0), ends: new Uint32Array(0), failures, model: null };
}

/** The records of an output, each without its LF; fails if the ends do not fit the bytes. */
export function linesOf(rows: OutputRows): string[] {
  const lines = [...rows.ends].map((end, i) => {
    const line = Buffer.from(rows.bytes.subarray(i === 0 ? 0 : rows.ends[i - 1], end)).toString('utf8');
    if (!line.endsWith('\n')) throw new Error(`record ${i} does not end with LF: ${JSON.stringify(line)}`);
    return line.slice(0, -1);
  });
  if ((rows.ends.at(-1) ?? 0) !== rows.bytes.length) throw new Error('the ends do not reach the end of the bytes');
  return lines;
}

export const regressionColumns: readonly ScoreColumn[] = [{ name: 'delay_PREDICTION', role: { kind: 'prediction' } }];

export const binaryColumns: readonly ScoreColumn[] = [
  { name: 'late_yes_PREDICTION', role: { kind: 'probability', label: 'yes' } },
  { name: 'late_no_PREDICTION', role: { kind: 'probability', label: 'no' } },
  { name: 'late_PREDICTION', role: { kind: 'prediction' } },
  { name: 'THRESHOLD', role: { kind: 'threshold' } },
  { name: 'POSITIVE_CLASS', role: { kind: 'positiveClass' } },
];

/** The four columns of one explanation. */
export function explanationColumns(rank: number): readonly ScoreColumn[] {
  const parts = [
    ['FEATURE_NAME', 'name'],
    ['STRENGTH', 'strength'],
    ['ACTUAL_VALUE', 'value'],
    ['QUALITATIVE_STRENGTH', 'qualitative'],
  ] as const;
  return parts.map(([suffix, part]) => ({
    name: `EXPLANATION_${rank}_${suffix}`,
    role: { kind: 'explanation', rank, part },
  }));
}
