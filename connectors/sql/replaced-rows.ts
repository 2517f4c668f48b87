import { SluiceError } from '../../src/sdk.ts';
import { type SqlDialect, STAGE_ROW } from './dialect.ts';
import type { CanonicalRows, SqlConnection } from './driver.ts';
import { type StagedTable, stageAlike } from './row-likeness.ts';
import { SqlFault } from './sql-fault.ts';
import type { TargetTable } from './target-table.ts';

/** Rows of a table, and those that are to stand in their place: as many of both, in one order. */
export interface Replacement {
  readonly blank: CanonicalRows;
  readonly scored: CanonicalRows;
}

/**
 * Takes rows out of a table and puts others in their place, within the open transaction. A table has no row numbers that all databases know,
 * so a row is found by all its fields; rows that are alike are as good as each other: as many of them go as are to be replaced, and the rest
 * stays, or comes again. Throws VERIFY_FAILED when the table has fewer of a row than there should be: then somebody else has changed it. A fault of kind
 * `conflict` when others write the table meanwhile.
 */
export async function replaceRows(
  connection: SqlConnection,
  table: StagedTable,
  { blank, scored }: Replacement,
  signal: AbortSignal,
): Promise<void> {
  const { target, dialect } = table;
  const [name, stage, number] = [
    dialect.tableName(target.table),
    dialect.tableName(table.stage),
    dialect.quote(STAGE_ROW),
  ];
  const alike = await stageAlike(connection, table, blank, target.columns, signal);
  // Of rows that are alike the first one stands for all.
  const staged = await connection.query(
    `SELECT s.${number}, MIN(o.${number}), COUNT(*) FROM ${stage} s JOIN ${stage} o ON ${alike('o', 's')} GROUP BY s.${number} ORDER BY s.${number}`,
    [],
    signal,
  );
  const found = await connection.query(
    `SELECT s.${number}, COUNT(*) FROM ${stage} s JOIN ${name} t ON ${alike('t', 's')} GROUP BY s.${number}`,
    [],
    signal,
  );
  const counts = new Map(found.map(([row, count]) => [Number(row), Number(count)]));
  const again: number[] = [];
  let gone = 0;
  for (const [at, [row, first, wanted]] of staged.entries()) {
    const there = counts.get(Number(row)) ?? 0;
    if (there < Number(wanted)) throw changed(target, dialect, there, Number(wanted));
    if (Number(row) !== Number(first)) continue;
    gone += there;
    for (let more = there - Number(wanted); more > 0; more -= 1) again.push(at);
  }
  const removed = await connection.execute(
    `DELETE FROM ${name} WHERE EXISTS (SELECT 1 FROM ${stage} s WHERE ${alike(name, 's')})`,
    [],
    signal,
  );
  // Another run has added rows that are alike meanwhile: with them the numbers are right when all is done again.
  if (removed !== gone)
    throw new SqlFault('conflict', `${removed} rows were removed where ${gone} were counted just before`);
  const into = { table: target.table, columns: target.columns };
  if (again.length > 0) await connection.load(into, repeated(blank, again), signal);
  await connection.load(into, scored, signal);
}

function repeated({ bytes, ends }: CanonicalRows, rows: readonly number[]): CanonicalRows {
  const pieces = rows.map((row) => bytes.subarray(row === 0 ? 0 : ends[row - 1], ends[row]));
  let at = 0;
  return { bytes: Buffer.concat(pieces), ends: Uint32Array.from(pieces, (piece) => (at += piece.length)) };
}

function changed({ table }: TargetTable, dialect: SqlDialect, found: number, wanted: number): SluiceError {
  return new SluiceError(
    'VERIFY_FAILED',
    `${dialect.tableName(table)} has ${found} of ${wanted} rows as they were written when they could not be scored; the others were changed or ` +
      'removed since. Nothing was written. Put them back, or score the rows by a job of their own.',
  );
}
