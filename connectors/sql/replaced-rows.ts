import { SluiceError } from '../../src/sdk.ts';
import { type SqlDialect, STAGE_ROW } from './dialect.ts';
import type { CanonicalRows, SqlConnection } from './driver.ts';
import type { TableName } from './sql-column.ts';
import type { TargetTable } from './target-table.ts';

/** Rows of a table, and those that are to stand in their place: as many of both, in one order. */
export interface Replacement {
  readonly blank: CanonicalRows;
  readonly scored: CanonicalRows;
}

/** Where the rows are looked for. @see replaceRows */
export interface ReplacedTable {
  readonly target: TargetTable;
  /** A stage of this connection with the columns of the target; its rows are nobody's. */
  readonly stage: TableName;
  readonly dialect: SqlDialect;
}

/**
 * Takes rows out of a table and puts others in their place, within the open transaction. A table has no row numbers that all databases know,
 * so a row is found by all its fields; rows that are alike are as good as each other: as many of them go as are to be replaced, and the rest
 * stays, or comes again. Throws VERIFY_FAILED when the table has fewer of a row than there should be: then somebody else has changed it.
 */
export async function replaceRows(
  connection: SqlConnection,
  table: ReplacedTable,
  { blank, scored }: Replacement,
  signal: AbortSignal,
): Promise<void> {
  const { target, dialect } = table;
  const [name, stage, number] = [
    dialect.tableName(target.table),
    dialect.tableName(table.stage),
    dialect.quote(STAGE_ROW),
  ];
  await connection.execute(`DELETE FROM ${stage}`, [], signal);
  await connection.load({ table: table.stage, columns: target.columns }, blank, signal);
  const alike = await likeness(connection, table, signal);
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
  if (removed !== gone) throw changed(target, dialect, removed, gone);
  const into = { table: target.table, columns: target.columns };
  if (again.length > 0) await connection.load(into, repeated(blank, again), signal);
  await connection.load(into, scored, signal);
}

/**
 * The condition that two rows are alike, nulls too. What holds for all staged rows is said in the way that a database can look up: a column
 * without nulls by `=`, one of nothing else without the other side. Only what is left is compared both ways.
 */
async function likeness(
  connection: SqlConnection,
  { target, stage, dialect }: ReplacedTable,
  signal: AbortSignal,
): Promise<(a: string, b: string) => string> {
  const columns = target.columns.map(({ name }) => dialect.quote(name));
  const same = dialect.same ?? ((a, b) => `${a} = ${b}`);
  const counted = columns.map((name) => `COUNT(${name})`).join(', ');
  const [row] = await connection.query(`SELECT COUNT(*), ${counted} FROM ${dialect.tableName(stage)}`, [], signal);
  const [all, ...filled] = (row ?? []).map(Number);
  return (a, b) =>
    columns
      .map((name, i) => {
        const [left, right] = [`${a}.${name}`, `${b}.${name}`];
        if (filled[i] === all) return same(left, right);
        if (filled[i] === 0) return `${left} IS NULL`;
        return `(${same(left, right)} OR (${left} IS NULL AND ${right} IS NULL))`;
      })
      .join(' AND ');
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
