import { type SqlDialect, STAGE_ROW } from './dialect.ts';
import type { TableName } from './sql-column.ts';
import type { SqlOutput } from './sql-output.ts';
import type { TargetTable } from './target-table.ts';

/** The statements, one after the other, that bring staged rows into the table. @param range which of them by their numbers; null for all. */
export function mergeStatements(
  target: TargetTable,
  stage: TableName,
  statement: SqlOutput['statement'],
  range: { readonly from: number; readonly to: number } | null,
  dialect: SqlDialect,
): readonly string[] {
  const quoted = (names: readonly string[]): string[] => names.map((name) => dialect.quote(name));
  const [table, staged, number] = [dialect.tableName(target.table), dialect.tableName(stage), dialect.quote(STAGE_ROW)];
  const within = (prefix: string): string =>
    range === null ? '1 = 1' : `${prefix}${number} >= ${range.from} AND ${prefix}${number} < ${range.to}`;
  const columns = quoted(target.columns.map(({ name }) => name));
  const insert = (where: string): string =>
    `INSERT INTO ${table} (${columns.join(', ')}) SELECT ${columns.map((name) => `s.${name}`).join(', ')} FROM ${staged} s WHERE ${where} ORDER BY s.${number}`;
  if (statement === 'insert') return [insert(within('s.'))];
  const match = quoted(target.match);
  // Of several rows with one key the last one counts.
  const last = `s.${number} IN (SELECT MAX(k.${number}) FROM ${staged} k WHERE ${within('k.')} GROUP BY ${match.map((name) => `k.${name}`).join(', ')})`;
  const set = quoted(target.set);
  const update =
    set.length === 0
      ? []
      : [dialect.updateFromStage({ table, stage: staged, where: `${within('s.')} AND ${last}`, set, match })];
  if (statement === 'update') return update;
  const alike = match.map((name) => `x.${name} = s.${name}`).join(' AND ');
  // A null is like nothing, so such rows are always new, each of them.
  const single = [last, ...match.map((name) => `s.${name} IS NULL`)].join(' OR ');
  return [
    ...update,
    insert(`${within('s.')} AND (${single}) AND NOT EXISTS (SELECT 1 FROM ${table} x WHERE ${alike})`),
  ];
}
