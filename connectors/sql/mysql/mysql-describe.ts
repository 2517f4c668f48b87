import type { SqlConnection } from '../driver.ts';
import type { TableDescription, TableName } from '../sql-column.ts';
import { sqlColumn } from './mysql-columns.ts';

/** What `information_schema` knows of a table or view; null when there is none that this user may see. */
export async function describeMysqlTable(
  connection: SqlConnection,
  { catalog, schema, name }: TableName,
  tinyIsTruth: boolean,
  signal: AbortSignal,
): Promise<TableDescription | null> {
  const found = await connection.query(
    'select t.table_schema, t.table_name, t.engine, e.transactions from information_schema.tables t left join information_schema.engines e on e.engine = t.engine where t.table_schema = coalesce(?, database()) and lower(t.table_name) = lower(?)',
    [schema ?? catalog, name],
    signal,
  );
  // Where the case of names counts there may be several.
  const exact = found.find(([, given]) => given === name) ?? (found.length === 1 ? found[0] : undefined);
  if (exact === undefined) return null;
  const place = [String(exact[0]), String(exact[1])];
  const columns = await connection.query(
    'select column_name, column_type, extra, character_set_name, collation_name from information_schema.columns where table_schema = ? and table_name = ? order by ordinal_position',
    place,
    signal,
  );
  const keys = await connection.query(
    'select index_name, column_name, nullable, sub_part from information_schema.statistics ' +
      'where table_schema = ? and table_name = ? and non_unique = 0 order by index_name, seq_in_index',
    place,
    signal,
  );
  return {
    table: { catalog: null, schema: place[0]!, name: place[1]! },
    columns: columns.map(([column, type, extra, characters, collation]) => {
      // Two columns can be compared only where they are collated alike.
      const words =
        characters === null ? String(type) : `${String(type)} character set ${characters} collate ${collation}`;
      return sqlColumn(
        String(column),
        words,
        tinyIsTruth,
        !/\b(virtual|stored|persistent) generated\b/i.test(String(extra)),
      );
    }),
    key: keyOf(keys),
    // A view has no engine.
    ...(exact[2] === null || exact[3] !== 'NO'
      ? {}
      : { unwritable: `is of the engine ${String(exact[2])}, which has no transactions` }),
  };
}

/** The primary key, else the first unique one whose columns are whole and never null. */
function keyOf(rows: readonly (readonly unknown[])[]): readonly string[] {
  const indexes = Map.groupBy(rows, ([index]) => String(index));
  const whole = [...indexes].filter(([, columns]) =>
    columns.every(([, , nullable, part]) => nullable !== 'YES' && part === null),
  );
  const chosen = whole.find(([index]) => index === 'PRIMARY') ?? whole[0];
  return (chosen?.[1] ?? []).map(([, column]) => String(column));
}
