import { describe, test } from 'vitest';
import { abortLeavesNothing, acceptSink } from '../../src/testing.ts';
import { sqlOutputs } from '../acceptance/sql-output.ts';
import { newSqlite } from '../support/sql-databases.ts';

// A run that had made the table, and was killed before it had written a row, was refused as its own table was there.
describe('the sink of a table that must not be there before', () => {
  const outputs = sqlOutputs(newSqlite, { create: 'must' }, 7);
  const checks = acceptSink(outputs).filter(({ name }) => /killed at any of|throws an interrupted run away/.test(name));
  for (const check of [...checks, abortLeavesNothing(outputs)]) test(check.name, check.run);
});
