import type { StoreStatements } from '../../queue/store/store-session.ts';

/**
 * What is kept of the jobs of each deployment. `sluice_statistics`: of the rows of a job, written before its record says that it is completed and
 * counted only when it does. `sluice_service_hours`: of the requests of a job, one row for each hour of each of its attempts.
 * `sluice_deployments`: settings that were changed by the API.
 */
const TABLES = [
  `CREATE TABLE IF NOT EXISTS sluice_statistics (
    job VARCHAR(32) PRIMARY KEY,
    deployment VARCHAR(500) NOT NULL,
    model VARCHAR(500),
    ended BIGINT NOT NULL,
    baseline VARCHAR(32) NOT NULL,
    data TEXT NOT NULL
  )`,
  'CREATE INDEX IF NOT EXISTS sluice_statistics_ended ON sluice_statistics (deployment, ended)',
  `CREATE TABLE IF NOT EXISTS sluice_service_hours (
    job VARCHAR(32) NOT NULL,
    attempt BIGINT NOT NULL,
    hour BIGINT NOT NULL,
    deployment VARCHAR(500) NOT NULL,
    model VARCHAR(500),
    data TEXT NOT NULL,
    PRIMARY KEY (job, attempt, hour)
  )`,
  'CREATE INDEX IF NOT EXISTS sluice_service_hours_hour ON sluice_service_hours (deployment, hour)',
  'CREATE TABLE IF NOT EXISTS sluice_deployments (id VARCHAR(500) PRIMARY KEY, data TEXT NOT NULL)',
];

/** Makes the tables where they are not there. */
export async function makeMonitoringTables(store: StoreStatements): Promise<void> {
  for (const sql of TABLES) await store.execute(sql);
}
