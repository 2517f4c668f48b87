import type { SqlIntake } from '../../connectors/sql/sql-intake.ts';
import type { SqlAccess } from '../../connectors/sql/sql-settings.ts';
import { createSqlSource } from '../../connectors/sql/sql-source.ts';
import { tellBatches } from '../../src/testing.ts';
import { keepCompiled } from '../support/compiled-child.ts';

/** Tells the batches of a table; whoever started it kills it. */
keepCompiled();
const options = JSON.parse(process.argv[2] ?? '') as { readonly access: SqlAccess; readonly intake: SqlIntake };
await tellBatches(createSqlSource(options));
