import type { TableName } from '../../connectors/sql/sql-column.ts';
import type { SqlOutput } from '../../connectors/sql/sql-output.ts';
import type { SqlAccess } from '../../connectors/sql/sql-settings.ts';
import { createSqlSink } from '../../connectors/sql/sql-sink.ts';
import { createSqlSource } from '../../connectors/sql/sql-source.ts';
import type { Clock } from '../core/clock.ts';
import { SluiceError } from '../core/error.ts';
import type { Sink } from '../core/sink.ts';
import type { Source } from '../core/source.ts';
import type { JobDescription } from './description/parse-job.ts';

export type JdbcIntake = Extract<JobDescription['intakeSettings'], { readonly type: 'jdbc' }>;
export type JdbcOutput = Extract<JobDescription['outputSettings'], { readonly type: 'jdbc' }>;

/** The source of an intake in a database. */
export function openSqlSource(intake: JdbcIntake, clock: Clock): Source {
  const { query, table, keyColumns, rangeRows, connections, aheadBytes } = intake;
  const place = table === null ? null : tableOf({ ...intake, table });
  return createSqlSource({
    access: sqlAccess(intake),
    intake: { query, table: place, keyColumns, rangeRows, connections, aheadBytes },
    clock,
  });
}

/** The sink of an output in a database. */
export function openSqlSink(
  job: JobDescription,
  output: JdbcOutput,
  { clock, overwrite }: { readonly clock: Clock; readonly overwrite: boolean },
): Sink {
  return createSqlSink({ access: sqlAccess(output), output: sqlOutput(job, output, { overwrite, part: null }), clock });
}

/** How a database is reached. */
export function sqlAccess(settings: JdbcIntake | JdbcOutput): SqlAccess {
  const { jdbcUrl, credentials, connectSeconds, jars, driverClass, guard } = settings;
  if (jdbcUrl === null) throw new SluiceError('CONTRACT_BROKEN', 'the data store of a job was not looked up');
  return {
    jdbcUrl: jdbcUrl.reveal(),
    user: credentials?.user ?? null,
    password: credentials?.password?.reveal() ?? null,
    connectMs: 1000 * connectSeconds,
    fetchSize: settings.type === 'jdbc' && 'fetchSize' in settings ? settings.fetchSize : null,
    jars,
    driverClass,
    ...(guard === undefined ? {} : { guard }),
  };
}

/** What is written, and how. @param part a part of the table with a ledger of its own; null for all of it. */
export function sqlOutput(
  { deadLetters, abortOnError, intakeSettings: intake }: JobDescription,
  output: JdbcOutput,
  { overwrite, part }: Pick<SqlOutput, 'overwrite' | 'part'>,
): SqlOutput {
  const { statementType, createTableIfNotExists, commitInterval, chunkBytes } = output;
  if (statementType === 'insert' && intake.type === 'jdbc' && isSameTable(intake, output)) {
    throw new SluiceError(
      'CONFIG_INVALID',
      `outputSettings.table: ${output.table} is the table of the intake; write to another one, or set its columns by statementType: update.`,
    );
  }
  return {
    table: tableOf(output),
    statement: statementType === 'create_table' ? 'insert' : statementType,
    create: statementType === 'create_table' ? 'must' : createTableIfNotExists ? 'if-missing' : 'never',
    updateColumns: output.updateColumns,
    whereColumns: output.whereColumns,
    atOnce: commitInterval === 0,
    runColumn: output.runColumn,
    stateSchema: output.stateSchema,
    part,
    chunkBytes,
    overwrite,
    failures: { abortOnError, maxShare: deadLetters.maxShare, minRows: deadLetters.minRows },
  };
}

function isSameTable(intake: JdbcIntake, output: JdbcOutput): boolean {
  const same = (field: 'table' | 'schema' | 'catalog'): boolean => intake[field] === output[field];
  return intake.jdbcUrl?.reveal() === output.jdbcUrl?.reveal() && same('table') && same('schema') && same('catalog');
}

/** The table that settings name. */
export function tableOf(place: {
  readonly table: string;
  readonly schema: string | null;
  readonly catalog: string | null;
}): TableName {
  return { catalog: place.catalog, schema: place.schema, name: place.table };
}
