import { ChainedHash } from '../chained-hash.ts';
import type { SqlDialect } from '../dialect.ts';
import type { SqlConnection } from '../driver.ts';
import { columnNamed, type TableDescription } from '../sql-column.ts';
import type { StateTables } from '../state-tables.ts';
import { counted, type Findings, noFindings } from './findings.ts';
import { textRecords } from './text-records.ts';
import type { WrittenRun } from './written-run.ts';

/**
 * Compares the dead letters of runs to what was written: their number, their bytes and their checksum, which (unlike that of the rows) can be
 * computed again, as each letter is a text that nothing changes.
 */
export async function letterFindings(
  connection: SqlConnection,
  { state, dialect }: { readonly state: StateTables; readonly dialect: SqlDialect },
  runs: readonly WrittenRun[],
  signal: AbortSignal,
): Promise<Findings> {
  const findings = noFindings();
  const wanted = runs.reduce((sum, { letters }) => sum + letters, 0);
  const found = await connection.describeTable(state.tables.letters, signal);
  if (found === null) {
    if (wanted > 0)
      findings.problems.push(
        `The table ${state.lettersName} is not there; ${counted(wanted, 'dead letter')} were written to it.`,
      );
    return findings;
  }
  const counts = await countsOf(connection, dialect, found, signal);
  let whole = 0;
  for (const run of runs) {
    const key = keyOf(run.output, run.run);
    const here = counts.get(key) ?? 0;
    counts.delete(key);
    if (here !== run.letters) {
      findings.problems.push(
        `${state.lettersName} has ${counted(here, 'dead letter')} of the run ${run.run}, and it has written ${run.letters}.`,
      );
      continue;
    }
    if (here === 0) continue;
    const { bytes, digest } = await markOf(connection, dialect, found, run, signal);
    if (bytes === run.letterMark.bytes && digest === run.letterMark.digest) whole += here;
    else
      findings.problems.push(
        `The dead letters of the run ${run.run} in ${state.lettersName} are not those that it has written: ${bytes} bytes with the checksum ${digest}, ` +
          `and it has written ${run.letterMark.bytes} bytes with ${run.letterMark.digest}.`,
      );
  }
  if (whole > 0) findings.checked.push(`${counted(whole, 'dead letter')} by number and checksum`);
  return findings;
}

async function countsOf(
  connection: SqlConnection,
  { quote, tableName }: SqlDialect,
  { table, columns }: TableDescription,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const by = ['output', 'run'].map((name) => quote(columnNamed(columns, name)?.name ?? name)).join(', ');
  const rows = await connection.query(`SELECT ${by}, COUNT(*) FROM ${tableName(table)} GROUP BY ${by}`, [], signal);
  return new Map(rows.map(([output, run, number]) => [keyOf(String(output), String(run)), Number(number)]));
}

async function markOf(
  connection: SqlConnection,
  { quote, literal }: SqlDialect,
  found: TableDescription,
  { output, run }: WrittenRun,
  signal: AbortSignal,
): Promise<ChainedHash['mark']> {
  const equals = (name: string, value: string): string => {
    const column = columnNamed(found.columns, name)!;
    return `${quote(column.name)} = ${literal(value, column)}`;
  };
  const hash = new ChainedHash();
  const read = {
    columns: ['letter'],
    where: `${equals('output', output)} AND ${equals('run', run)}`,
    orderBy: [columnNamed(found.columns, 'number')?.name ?? 'number'],
  };
  for await (const [letter] of textRecords(connection, found, read, signal)) hash.update(Buffer.from(`${letter}\n`));
  return hash.mark;
}

function keyOf(output: string, run: string): string {
  return JSON.stringify([output, run]);
}
