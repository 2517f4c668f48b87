import type { StoreStatements } from '../queue/store/store-session.ts';

/**
 * One row per definition: the columns are what definitions are looked for by, `data` is the record without its body, `body` the body,
 * sealed. `unmade` is the time at which a run was begun whose job is not there yet. `sluice_schedule_days` counts scheduled runs by day.
 */
const TABLES = [
  `CREATE TABLE IF NOT EXISTS sluice_definitions (
    id VARCHAR(32) PRIMARY KEY,
    revision BIGINT NOT NULL,
    name VARCHAR(400) NOT NULL UNIQUE,
    owner VARCHAR(200) NOT NULL,
    deployment VARCHAR(500) NOT NULL,
    created BIGINT NOT NULL,
    next_run BIGINT,
    unmade BIGINT,
    data TEXT NOT NULL,
    body TEXT NOT NULL
  )`,
  'CREATE INDEX IF NOT EXISTS sluice_definitions_next ON sluice_definitions (next_run)',
  'CREATE TABLE IF NOT EXISTS sluice_schedule_days (day BIGINT PRIMARY KEY, runs BIGINT NOT NULL)',
];

/** Makes the tables where they are not there. */
export async function makeDefinitionTables(store: StoreStatements): Promise<void> {
  for (const sql of TABLES) await store.execute(sql);
}
