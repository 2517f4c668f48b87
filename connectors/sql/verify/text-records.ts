import { createCsvCodec, defaultCsvSettings, SluiceError } from '../../../src/sdk.ts';
import type { SqlConnection } from '../driver.ts';
import { columnNamed, meaningOf, type TableDescription } from '../sql-column.ts';

const LIMITS = { rows: 1_000, bytes: 4 * 1024 * 1024, lingerMs: Number.POSITIVE_INFINITY };

/** Which records of a table. */
export interface TextRead {
  readonly columns: readonly string[];
  /** In the dialect; null for all. */
  readonly where: string | null;
  readonly orderBy: readonly string[];
}

/** Records of a table as texts, however many there are: a few MB of them are in memory. Faults as of the connection. */
export async function* textRecords(
  connection: SqlConnection,
  found: TableDescription,
  { columns: names, where, orderBy }: TextRead,
  signal: AbortSignal,
): AsyncGenerator<readonly (string | null)[], void> {
  const columns = names.map((name) => {
    const column = columnNamed(found.columns, name);
    if (column !== undefined) return column;
    throw new SluiceError(
      'LEDGER_BROKEN',
      `the table ${found.table.name} has no column "${name}"; something else made it.`,
    );
  });
  const split = found.table.name;
  const chunks = connection.read({ from: { table: found.table }, columns, where, orderBy }, signal);
  const context = { split, after: { offset: 0, row: 0, line: 1 }, limits: LIMITS };
  const schema = { columns: columns.map(meaningOf) };
  for await (const batch of createCsvCodec(defaultCsvSettings).decode(chunks, context, schema, signal)) {
    for (const record of batch.records()) yield record.map((value) => (value === null ? null : String(value)));
    batch.release();
  }
}
