import { parseJdbcUrl } from '../../../connectors/sql/jdbc-url.ts';
import type { Clock } from '../../core/clock.ts';
import type { Source } from '../../core/source.ts';
import type { Configuration } from '../configuration.ts';
import { type NamedTable, namedTable } from '../named-table.ts';
import { textAtRunTime } from '../run-time.ts';
import { type JdbcIntake, openSqlSource, sqlAccess } from '../sql-endpoints.ts';

/** So much of a query is kept for people; all of it is in the version's manifest. */
const SHOWN_CHARACTERS = 500;

/**
 * The source of a dataset that is made of a table or a query, and its name for people, which has no user and no password. Throws what
 * `namedTable` throws.
 */
export function openDatabaseInput(
  named: NamedTable,
  configuration: Configuration | undefined,
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): { readonly source: Source; readonly description: string } {
  const given = namedTable(named, 'SOURCE', configuration, env);
  const query = given.query === null ? null : textAtRunTime('--query', given.query, { current: clock.wall() });
  const intake = { ...given, query };
  return { source: openSqlSource(intake, clock), description: describe(intake) };
}

function describe(intake: JdbcIntake): string {
  const { query, table, schema, dataStoreId } = intake;
  const { product, place } = parseJdbcUrl(sqlAccess(intake).jdbcUrl);
  const what = query === null ? `table ${schema === null ? '' : `${schema}.`}${table}` : `query ${oneLine(query)}`;
  return `${what} of ${dataStoreId === null ? product : `data store ${dataStoreId},`} ${place}`;
}

function oneLine(query: string): string {
  const line = query.trim().replaceAll(/\s+/g, ' ');
  return line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS - 1)}…` : line;
}
