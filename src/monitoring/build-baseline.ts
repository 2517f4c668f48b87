import { fieldEnd } from '../core/canonical-csv.ts';
import { SluiceError } from '../core/error.ts';
import { mergeStatistics } from '../core/merge-statistics.ts';
import type { RowBatch } from '../core/row-batch.ts';
import { columnNames } from '../core/schema.ts';
import { NO_VALUES, type Statistics } from '../core/statistics.ts';
import type { BaselineColumn } from './baseline.ts';
import { columnCounter } from './column-counter.ts';
import { ColumnProfile } from './column-profile.ts';
import { TableCounter } from './table-counter.ts';

export interface BaselineRows {
  /** Reads all rows from the first one on; called twice. */
  readonly read: () => AsyncIterable<RowBatch>;
  /** For messages. */
  readonly name: string;
  /** Which of the columns are taken, in their order. */
  readonly choose: (columns: readonly string[]) => readonly string[];
  /** Of the chosen columns those whose values are categories even where they are numbers. */
  readonly labels: (columns: readonly string[]) => readonly string[];
}

/**
 * The columns of a baseline with the counts of its own rows. Reads them twice: to find the bins, and then to count, by the same code that
 * counts scored rows, so that the same rows never drift. Throws INTAKE_EMPTY, and what reading throws.
 */
export async function buildBaseline(
  rows: BaselineRows,
): Promise<{ readonly rows: number; readonly columns: readonly BaselineColumn[] }> {
  const { names, labels, profiles } = await profiled(rows);
  if (names.length === 0) return { rows: 0, columns: [] };
  const kinds = new Map(names.map((name) => [name, profiles.get(name)!.bins(labels.includes(name))]));
  const blank = { missing: 0, numbers: null, texts: NO_VALUES, bins: null };
  const counters = names.map((name) => columnCounter(name, { ...kinds.get(name)!, statistics: { ...blank, name } }));
  let total: Statistics | null = null;
  for await (const batch of rows.read()) {
    if (batch.rows === 0) continue;
    const all = Uint32Array.from({ length: batch.rows }, (_, row) => row);
    const features = new TableCounter(counters, columnNames(batch.schema)).count(batch, all);
    const counted = { rows: batch.rows, sampled: batch.rows, refusals: NO_VALUES, features, predictions: [] };
    total = total === null ? counted : mergeStatistics(total, counted);
    batch.release();
  }
  const columns = total?.features.map((statistics) => ({ ...kinds.get(statistics.name)!, statistics }));
  return { rows: total?.rows ?? 0, columns: columns ?? [] };
}

async function profiled({ read, name, choose, labels }: BaselineRows): Promise<{
  readonly names: readonly string[];
  readonly labels: readonly string[];
  readonly profiles: ReadonlyMap<string, ColumnProfile>;
}> {
  let profiles: ReadonlyMap<string, ColumnProfile> | null = null;
  let columns: readonly string[] = [];
  for await (const batch of read()) {
    if (batch.rows === 0) continue;
    columns = columnNames(batch.schema);
    profiles ??= new Map(choose(columns).map((column) => [column, new ColumnProfile()]));
    if (profiles.size === 0) break;
    profile(batch, columns, profiles);
    batch.release();
  }
  if (profiles === null) throw new SluiceError('INTAKE_EMPTY', `${name} holds no rows; a baseline needs some.`);
  const names = [...profiles.keys()];
  return { names, labels: labels(columns), profiles };
}

function profile(
  { bytes, ends }: RowBatch,
  columns: readonly string[],
  profiles: ReadonlyMap<string, ColumnProfile>,
): void {
  const places = columns.map((name) => profiles.get(name) ?? null);
  for (let row = 0; row < ends.length; row += 1) {
    let at = row === 0 ? 0 : ends[row - 1]!;
    for (const found of places) at = (found === null ? fieldEnd(bytes, at) : found.read(bytes, at)) + 1;
  }
}
