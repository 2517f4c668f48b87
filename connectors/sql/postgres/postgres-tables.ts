import type { SqlConnection } from '../driver.ts';
import { exactDecimal, type SqlColumn, type TableDescription, type TableName } from '../sql-column.ts';
import { postgresDialect } from './postgres-dialect.ts';

type Query = SqlConnection['query'];

type Meaning = Pick<SqlColumn, 'type' | 'exact'>;

/** Types whose values are more to Sluice than text; nothing for the others. */
const TYPES: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['bool', { type: 'boolean' }],
  ['int2', { type: 'integer', exact: 'int32' }],
  ['int4', { type: 'integer', exact: 'int32' }],
  ['int8', { type: 'integer' }],
  ['oid', { type: 'integer' }],
  ['float4', { type: 'number', exact: 'float' }],
  ['float8', { type: 'number' }],
  ['numeric', { type: 'decimal' }],
  ['text', { type: 'string' }],
  ['varchar', { type: 'string' }],
  ['bpchar', { type: 'string' }],
  ['name', { type: 'string' }],
  ['citext', { type: 'string' }],
  ['date', { type: 'date' }],
  ['timestamp', { type: 'string', exact: 'local-timestamp-micros' }],
  ['timestamptz', { type: 'timestamp' }],
]);

/** What a table, a view or a foreign table is like; a name in capitals is also looked for in small letters, as it was created without quotes. */
export async function describePostgresTable(
  query: Query,
  table: TableName,
  signal: AbortSignal,
): Promise<TableDescription | null> {
  const found = (await lookUp(query, table, signal)) ?? (await lookUp(query, inSmallLetters(table), signal));
  if (found === null) return null;
  const { oid, ...name } = found;
  const columns = await query(
    `SELECT a.attname, format_type(a.atttypid, a.atttypmod), COALESCE(b.typname, t.typname), COALESCE(b.typcategory, t.typcategory)::text,
            a.attgenerated <> '' OR a.attidentity = 'a'
       FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype AND t.typtype = 'd'
      WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [oid],
    signal,
  );
  return {
    table: name,
    columns: columns.map(([column, declared, type, category, filled]) => ({
      ...columnOf(String(column), String(declared), String(type), String(category)),
      writable: filled !== true,
    })),
    key: await keyOf(query, oid, signal),
  };
}

/** The columns of a query that was described by the library. */
export async function describePostgresFields(
  query: Query,
  fields: readonly { readonly name: string; readonly dataTypeID: number; readonly dataTypeModifier: number }[],
  signal: AbortSignal,
): Promise<readonly SqlColumn[]> {
  const types = await query(
    `SELECT format_type(w.id::oid, w.modifier::int), COALESCE(b.typname, t.typname), COALESCE(b.typcategory, t.typcategory)::text
       FROM ROWS FROM (unnest($1::text[]), unnest($2::text[])) WITH ORDINALITY AS w(id, modifier, place)
       JOIN pg_type t ON t.oid = w.id::oid LEFT JOIN pg_type b ON b.oid = t.typbasetype AND t.typtype = 'd' ORDER BY w.place`,
    [listOf(fields.map((field) => field.dataTypeID)), listOf(fields.map((field) => field.dataTypeModifier))],
    signal,
  );
  return types.map(([declared, type, category], index) =>
    columnOf(fields[index]!.name, String(declared), String(type), String(category)),
  );
}

function columnOf(name: string, declared: string, type: string, category: string): SqlColumn {
  const meaning = TYPES.get(type) ?? { type: undefined };
  return {
    name,
    ...meaning,
    ...(meaning.type === 'decimal' ? exactDecimal(declared) : {}),
    declared,
    holdsEmptyText: category === 'S' || type === 'bytea',
    writable: true,
  };
}

async function lookUp(
  query: Query,
  table: TableName,
  signal: AbortSignal,
): Promise<(TableName & { readonly oid: string }) | null> {
  const [row] = await query(
    `SELECT c.oid::text, current_database(), n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = to_regclass($1)::oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`,
    [postgresDialect.tableName(table)],
    signal,
  );
  if (row === undefined) return null;
  const [oid, catalog, schema, name] = row.map(String);
  if (table.catalog !== null && table.catalog !== catalog) return null;
  return { oid: oid!, catalog: null, schema: schema!, name: name! };
}

async function keyOf(query: Query, oid: string, signal: AbortSignal): Promise<readonly string[]> {
  const rows = await query(
    `SELECT i.indexrelid::text, a.attname
       FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
      WHERE i.indrelid = $1::oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
        AND NOT EXISTS (SELECT 1 FROM pg_attribute n WHERE n.attrelid = i.indrelid AND n.attnum = ANY (i.indkey::int2[]) AND NOT n.attnotnull)
      ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid, k.place`,
    [oid],
    signal,
  );
  const first = rows[0]?.[0];
  return rows.filter(([index]) => index === first).map(([, column]) => String(column));
}

function inSmallLetters({ catalog, schema, name }: TableName): TableName {
  return { catalog, schema: schema?.toLowerCase() ?? null, name: name.toLowerCase() };
}

function listOf(numbers: readonly number[]): string {
  return `{${numbers.join(',')}}`;
}
