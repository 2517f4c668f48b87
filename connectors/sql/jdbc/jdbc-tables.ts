import type { BridgeSession } from '../bridge/bridge-session.ts';
import type { TableDescription, TableName } from '../sql-column.ts';
import { type JdbcColumn, sqlColumnOf } from './jdbc-columns.ts';

type Ask = (
  op: string,
  fields: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
) => ReturnType<BridgeSession['ask']>;

interface FoundTable {
  readonly catalog: string | null;
  readonly schema: string | null;
  readonly name: string;
}

/** What the catalog of a database knows of tables, by JDBC. */
export class JdbcTables {
  readonly #ask: Ask;
  readonly #current: { readonly catalog: string | null; readonly schema: string | null };

  /** @param current where names without a schema are looked for first. */
  constructor(ask: Ask, current: { readonly catalog: string | null; readonly schema: string | null }) {
    this.#ask = ask;
    this.#current = current;
  }

  async describe(table: TableName, signal: AbortSignal): Promise<TableDescription | null> {
    const found = await this.#find(table, signal);
    if (found === null) return null;
    const place = { catalog: found.catalog, schema: found.schema, table: found.name };
    const { said } = await this.#ask('columns', place, signal);
    const columns = said.columns as readonly JdbcColumn[];
    const { said: keys } = await this.#ask('keys', place, signal);
    return {
      // Databases with one catalog do not want it named.
      table: { catalog: table.catalog === null ? null : found.catalog, schema: found.schema, name: found.name },
      columns: columns.map(sqlColumnOf),
      key: keyOf(columns, keys.primary as readonly string[], keys.unique as readonly (readonly string[])[]),
    };
  }

  /** The columns of a table whose name is as it is stored. */
  async columns({ catalog, schema, name }: TableName, signal: AbortSignal): Promise<readonly JdbcColumn[]> {
    const { said } = await this.#ask('columns', { catalog, schema, table: name }, signal);
    return said.columns as readonly JdbcColumn[];
  }

  /** As it was given, else as databases store names that were written without quotes. */
  async #find({ catalog, schema, name }: TableName, signal: AbortSignal): Promise<FoundTable | null> {
    for (const fold of [
      (text: string) => text,
      (text: string) => text.toUpperCase(),
      (text: string) => text.toLowerCase(),
    ]) {
      for (const inSchema of schema === null ? [null] : new Set([schema, fold(schema)])) {
        const { said } = await this.#ask('tables', { catalog, schema: inSchema, table: fold(name) }, signal);
        const tables = said.tables as readonly FoundTable[];
        const here = tables.filter(
          (table) => schema !== null || table.schema === this.#current.schema || this.#current.schema === null,
        );
        const found =
          here.find((table) => catalog !== null || table.catalog === this.#current.catalog) ??
          here[0] ??
          (schema === null ? null : tables[0]);
        if (found !== null && found !== undefined) return found;
      }
    }
    return null;
  }
}

function keyOf(
  columns: readonly JdbcColumn[],
  primary: readonly string[],
  unique: readonly (readonly string[])[],
): readonly string[] {
  if (primary.length > 0) return primary;
  const never = new Set(columns.filter(({ nullable }) => !nullable).map(({ name }) => name));
  return unique.find((names) => names.length > 0 && names.every((name) => never.has(name))) ?? [];
}
