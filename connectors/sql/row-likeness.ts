import type { SqlDialect } from './dialect.ts';
import type { CanonicalRows, SqlConnection } from './driver.ts';
import type { SqlColumn, TableName } from './sql-column.ts';
import type { TargetTable } from './target-table.ts';

/** Where rows are looked for. */
export interface StagedTable {
  readonly target: TargetTable;
  /** A stage of this connection with the columns of the target; its rows are nobody's. */
  readonly stage: TableName;
  readonly dialect: SqlDialect;
}

/**
 * Stages rows to look for them in the table, and gives the condition that two of them are alike, nulls too. What holds for all staged rows is said
 * in the way that a database can look up: a column without nulls by `=`, one of nothing else without the other side. Only what is left is
 * compared both ways.
 * @param compared the columns that are looked at.
 */
export async function stageAlike(
  connection: SqlConnection,
  { target, stage, dialect }: StagedTable,
  rows: CanonicalRows,
  compared: readonly SqlColumn[],
  signal: AbortSignal,
): Promise<(a: string, b: string) => string> {
  await connection.execute(`DELETE FROM ${dialect.tableName(stage)}`, [], signal);
  await connection.load({ table: stage, columns: target.columns }, rows, signal);
  const columns = compared.map(({ name }) => dialect.quote(name));
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
