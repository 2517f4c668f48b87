import * as z from 'zod';
import { basicCredential } from './credential-fields.ts';
import type { Guarded } from './guarded.ts';
import { Secret } from './secret.ts';

const MIB = 1024 * 1024;

const text = () => z.string().min(1);
const optionalText = () => text().nullable().default(null);
const columns = () =>
  z
    .array(text())
    .nullable()
    .default([])
    .transform((names) => names ?? []);

const jdbcUrl = () =>
  z
    .string()
    .regex(/^\s*jdbc:[a-z]/i, { error: 'must be a JDBC address: jdbc:postgresql://host:5432/database' })
    .transform((given) => new Secret(given));

/** The Java archives of a JDBC driver, for databases that Sluice has no driver of its own for. */
const jars = () =>
  z
    .union([text(), z.array(text())])
    .nullable()
    .default([])
    .transform((given) => [given ?? []].flat())
    .describe(
      'JAR files of the JDBC driver, or the folder that they lie in, for databases that have no driver here. With them the JDBC driver is used for every database. It takes a JDK.',
    );

const driverClass = () =>
  optionalText().describe("The JDBC driver's class, for drivers that do not announce themselves.");

/** An entry of `dataStores` in a configuration. */
const dataStore = z.strictObject({
  jdbcUrl: jdbcUrl().describe('Address of the database; a user and a password are best left to `credentialId`.'),
  credentialId: optionalText().describe('An entry of `credentials`, for jobs that name none themselves.'),
  jars: jars(),
  driverClass: driverClass(),
});

/** `dataStores` in a configuration: what jobs may name by `dataStoreId`. */
export const dataStoreEntries = z
  .record(text(), dataStore)
  .default({})
  .describe('Databases that jobs may name by `dataStoreId`.');

/** An entry of `dataStores`; one that was not made by whoever runs this machine has a guard. */
export type DataStore = z.output<typeof dataStore> & Guarded;

/** How a database is reached; for intake and output alike. */
const access = {
  dataStoreId: optionalText().describe('An entry of `dataStores` in the configuration.'),
  jdbcUrl: jdbcUrl()
    .nullable()
    .default(null)
    .describe('The address in place, instead of `dataStoreId`: `jdbc:postgresql://host:5432/database`.'),
  credentialId: optionalText().describe(
    'An entry of `credentials` in the configuration. Null: that of the data store, `credentials`, or what stands in the address.',
  ),
  credentials: basicCredential
    .nullable()
    .default(null)
    .describe('User and password in place, instead of `credentialId`.'),
  jars: jars(),
  driverClass: driverClass(),
  connectSeconds: z
    .number()
    .min(0)
    .max(86_400)
    .default(30)
    .describe('How long to wait for a connection, and how long to try again when it was lost.'),
};

/** Where a table is. */
const place = {
  table: optionalText(),
  schema: optionalText(),
  catalog: optionalText(),
};

/** `intakeSettings` of a job that reads a database. */
export const jdbcIntake = z
  .strictObject({
    type: z.literal('jdbc').describe('Kind of intake.'),
    ...access,
    query: optionalText().describe(
      'A SELECT whose rows are scored. `{{ current_run_timestamp }}` (milliseconds since 1970) and `{{ current_run_time }}` (UTC) in it ' +
        'are replaced when the run begins; such a job is never continued, as the next run has another query.',
    ),
    table: place.table.describe('The table to read, in place of `query`.'),
    schema: place.schema.describe('Its schema. Null: that of the connection.'),
    catalog: place.catalog.describe('Its catalog, in databases that have several. Null: that of the connection.'),
    fetchSize: z
      .int()
      .min(1)
      .nullable()
      .default(null)
      .describe('Rows that are fetched at once, where the driver of the database looks at it. Null chooses.'),
    keyColumns: columns().describe(
      'Columns that tell the rows apart, none of them null: the rows are read in their order, so that a job can be continued, and by ranges. ' +
        "Empty: the table's primary key; a query without them can be continued only if it has an ORDER BY.",
    ),
    rangeRows: z
      .int()
      .min(1)
      .default(1_000_000)
      .describe('Rows of one range, about, where the first key column is a whole number.'),
    connections: z.int().min(1).max(32).default(2).describe('Ranges that are read at once.'),
    aheadBytes: z
      .int()
      .min(65_536)
      .default(32 * MIB)
      .describe('Bytes that may be read ahead.'),
  })
  .superRefine((given, context) => {
    onePlace(given, context);
    const { query, table } = given;
    if (query === null && table === null)
      context.addIssue({
        code: 'custom',
        message: 'must say what to read: table (with its schema) or query is missing',
      });
    if (query !== null && table !== null)
      context.addIssue({ code: 'custom', path: ['query'], message: 'cannot be given beside table; keep one of them' });
  });

/** DataRobot has two ways to write the last two. */
const statementType = z
  .enum(['insert', 'update', 'insert_update', 'insertUpdate', 'create_table', 'createTable'])
  .transform((given) =>
    given === 'insertUpdate' ? 'insert_update' : given === 'createTable' ? 'create_table' : given,
  );

/** `outputSettings` of a job that writes a table. */
export const jdbcOutput = z
  .strictObject({
    type: z.literal('jdbc').describe('Kind of output.'),
    ...access,
    table: text().describe(
      'The table to write. `{{ current_run_timestamp }}` and `{{ current_run_time }}` in it are replaced when the run begins.',
    ),
    schema: place.schema.describe('Its schema. Null: that of the connection.'),
    catalog: place.catalog.describe('Its catalog, in databases that have several. Null: that of the connection.'),
    statementType: statementType.describe(
      '`insert` adds rows; `update` changes those that are alike in `whereColumns`; `insert_update` adds those that are not there; ' +
        '`create_table` is `insert` into a table that must not exist yet.',
    ),
    createTableIfNotExists: z
      .boolean()
      .default(false)
      .describe('Makes the table when it is not there, with types from the rows.'),
    updateColumns: columns().describe('Columns that `update` sets. Empty: all that are no `whereColumns`.'),
    whereColumns: columns().describe('Columns that tell which rows of the table a row updates.'),
    commitInterval: z
      .number()
      .min(0)
      .max(86_400)
      .default(600)
      .describe(
        'Seconds from one commit to the next at the most; large outputs are committed more often. 0: the table shows all rows at once, at the end.',
      ),
    runColumn: optionalText().describe(
      'A text column of the table that gets the ID of the run in each row, so that `--overwrite` can tell its rows from others.',
    ),
    stateSchema: optionalText().describe(
      "The schema of Sluice's own tables (`sluice_ledger`, `sluice_dead_letters`). Null: that of the table.",
    ),
    chunkBytes: z
      .int()
      .min(65_536)
      .default(4 * MIB)
      .describe('Bytes of rows that are sent in one go.'),
    roll: z
      .strictObject({
        rows: z.int().min(1).default(1_000_000).describe('Rows of one part at the most.'),
        bytes: z.int().min(1).default(256_000_000).describe('Bytes of CSV of one part, about.'),
        seconds: z.number().min(0.1).default(300).describe('How long a part takes rows, from its first one on.'),
      })
      .prefault({})
      .describe(
        'When a part of a live topic is finished and the next one begun, each with a row of its own in `sluice_ledger`: at whichever comes first.',
      ),
  })
  .superRefine((given, context) => {
    onePlace(given, context);
    const { statementType: kind, updateColumns, whereColumns } = given;
    const updates = kind === 'update' || kind === 'insert_update';
    if (updates && whereColumns.length === 0)
      context.addIssue({
        code: 'custom',
        path: ['whereColumns'],
        message: `is needed for ${kind}: which rows to update`,
      });
    for (const [field, names] of Object.entries({ updateColumns, whereColumns })) {
      if (updates || names.length === 0) continue;
      context.addIssue({ code: 'custom', path: [field], message: 'is only for update and insert_update' });
    }
    const both = updateColumns.find((name) => whereColumns.includes(name));
    if (both !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['updateColumns'],
        message: `has ${both}, which is in whereColumns, too`,
      });
  });

function onePlace(
  given: {
    readonly dataStoreId: string | null;
    readonly jdbcUrl: Secret | null;
    readonly credentialId: string | null;
    readonly credentials: unknown;
  },
  context: z.core.$RefinementCtx,
): void {
  const { dataStoreId, jdbcUrl: url, credentialId, credentials } = given;
  if (dataStoreId === null && url === null)
    context.addIssue({ code: 'custom', message: 'must say which database: dataStoreId (or jdbcUrl) is missing' });
  if (dataStoreId !== null && url !== null)
    context.addIssue({
      code: 'custom',
      path: ['jdbcUrl'],
      message: 'cannot be given beside dataStoreId; keep one of them',
    });
  if (credentialId !== null && credentials !== null)
    context.addIssue({
      code: 'custom',
      path: ['credentials'],
      message: 'cannot be given beside credentialId; keep one of them',
    });
}
