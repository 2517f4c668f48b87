import { type TableReport, verifyTable } from '../../connectors/sql/verify/verify-table.ts';
import { countProblems } from '../codecs/objects/verify-output.ts';
import type { Configuration } from './configuration.ts';
import { type NamedTable, namedTable } from './named-table.ts';
import { sqlAccess, tableOf } from './sql-endpoints.ts';

/** Checks the table of that name against the manifests in its ledger. Throws what `namedTable` and `verifyTable` throw. */
export async function verifyNamedTable(
  named: NamedTable & { readonly table: string; readonly stateSchema?: string | undefined },
  configuration: Configuration | undefined,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal = new AbortController().signal,
): Promise<TableReport> {
  const { stateSchema = null, ...place } = named;
  const { table, ...settings } = namedTable(place, 'OUTPUT', configuration, env);
  const wanted = { table: tableOf({ ...settings, table: table ?? place.table }), stateSchema };
  return await verifyTable(sqlAccess({ ...settings, table }), wanted, countProblems, signal);
}
