import type { DatabaseSync } from 'node:sqlite';

/** What came true for one row. */
export interface Actual {
  readonly association: string;
  readonly value: string;
  /** When it was observed, in milliseconds since 1970; null where nobody says. */
  readonly observed: number | null;
}

/**
 * Keeps actuals of a deployment, all of them or none. A later actual of the same ID replaces the earlier one: later by their times where
 * both have one, otherwise by the order in which they come.
 */
export function keepActuals(database: DatabaseSync, deployment: string, actuals: readonly Actual[]): void {
  const insert = database.prepare(
    `INSERT INTO actuals (deployment, association, value, observed) VALUES (?, ?, ?, ?)
     ON CONFLICT (deployment, association) DO UPDATE SET value = excluded.value, observed = excluded.observed
     WHERE actuals.observed IS NULL OR excluded.observed IS NULL OR excluded.observed >= actuals.observed`,
  );
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const { association, value, observed } of actuals) insert.run(deployment, association, value, observed);
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}
