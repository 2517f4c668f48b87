import type { SqlOutput } from '../../connectors/sql/sql-output.ts';
import type { SqlAccess } from '../../connectors/sql/sql-settings.ts';
import { type DyingMoment, runUntilKilled, runWholeOutput, SinkPlan, type SinkPlanSize } from '../../src/testing.ts';
import { dieAtStatement } from '../support/dies-at-statement.ts';
import { sqlSink } from './sql-output.ts';

/** Writes a whole output and dies at its n-th statement that may change something, or at a moment of the run, by name. */
const { access, form, size, operation } = JSON.parse(process.argv[2] ?? '') as {
  readonly access: SqlAccess;
  readonly form: Partial<SqlOutput>;
  readonly size: SinkPlanSize;
  readonly operation: number | DyingMoment;
};
const plan = new SinkPlan(size);
if (typeof operation === 'string') await runUntilKilled(sqlSink(access, form), plan, operation);
else dieAtStatement(operation);
await runWholeOutput(sqlSink(access, form), plan, new AbortController().signal);
