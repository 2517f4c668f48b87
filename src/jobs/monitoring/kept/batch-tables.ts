import type { StoreStatements } from '../../queue/store/store-session.ts';

/**
 * `sluice_monitoring_batches`: one row per batch; which jobs are in it their own rows say. `sluice_batch_days` counts those that were made of each
 * deployment by day.
 */
const TABLES = [
  `CREATE TABLE IF NOT EXISTS sluice_monitoring_batches (
    id VARCHAR(24) PRIMARY KEY,
    deployment VARCHAR(500) NOT NULL,
    name VARCHAR(500) NOT NULL,
    owner VARCHAR(200) NOT NULL,
    creator TEXT NOT NULL,
    created BIGINT NOT NULL,
    job VARCHAR(32),
    UNIQUE (deployment, name)
  )`,
  'CREATE INDEX IF NOT EXISTS sluice_monitoring_batches_created ON sluice_monitoring_batches (deployment, created, id)',
  `CREATE TABLE IF NOT EXISTS sluice_batch_days (
    deployment VARCHAR(500) NOT NULL,
    day BIGINT NOT NULL,
    batches BIGINT NOT NULL,
    PRIMARY KEY (deployment, day)
  )`,
];

/** Makes the tables where they are not there. */
export async function makeBatchTables(store: StoreStatements): Promise<void> {
  for (const sql of TABLES) await store.execute(sql);
}
