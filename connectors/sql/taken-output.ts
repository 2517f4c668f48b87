import type { SqlDialect } from './dialect.ts';
import type { OutputPlace } from './output-place.ts';
import type { SqlOutput } from './sql-output.ts';
import type { StateTables } from './state-tables.ts';

/** An output that one run alone writes, as it was found with the lock. */
export interface TakenOutput {
  readonly output: SqlOutput;
  readonly dialect: SqlDialect;
  readonly place: OutputPlace;
  readonly state: StateTables;
}
