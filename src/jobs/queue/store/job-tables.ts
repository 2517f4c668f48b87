import { SluiceError } from '../../../core/error.ts';
import type { StoreSession } from './store-session.ts';

/** Grows with each change of the tables; a store of a later version is refused. */
const VERSION = 2;

/** Jobs that have not ended, or that somebody still works on: a condition that queries must have as it stands for their index to be used. */
export const OPEN = '(ended_at IS NULL OR runner IS NOT NULL)';

/**
 * One row per job: the columns are what jobs are looked for by, `data` is the record without its body, `body` the body, sealed.
 * `sluice_tokens` has hashes of tokens; the two tables behind it records of others, sealed.
 * `sluice_queue` has one row, which whoever decides whose turn it is holds.
 */
const TABLES = [
  `CREATE TABLE IF NOT EXISTS sluice_jobs (
    id VARCHAR(32) PRIMARY KEY,
    revision BIGINT NOT NULL,
    status VARCHAR(16) NOT NULL,
    created BIGINT NOT NULL,
    hidden BIGINT,
    owner VARCHAR(200) NOT NULL,
    source VARCHAR(100) NOT NULL,
    deployment VARCHAR(500) NOT NULL,
    model VARCHAR(500),
    server VARCHAR(1000) NOT NULL,
    intake_type VARCHAR(32) NOT NULL,
    output_type VARCHAR(32) NOT NULL,
    definition VARCHAR(32),
    priority BIGINT NOT NULL,
    queued_at BIGINT,
    started_at BIGINT,
    ended_at BIGINT,
    upload VARCHAR(16) NOT NULL,
    runner VARCHAR(100),
    beat BIGINT,
    results_deleted BIGINT NOT NULL,
    batch VARCHAR(32),
    data TEXT NOT NULL,
    body TEXT NOT NULL
  )`,
  'CREATE INDEX IF NOT EXISTS sluice_jobs_created ON sluice_jobs (created, id)',
  'CREATE INDEX IF NOT EXISTS sluice_jobs_status ON sluice_jobs (status, queued_at)',
  // Of some tens among the many that have ended: the queue is looked at with every request, and a user's jobs are counted with every new one.
  `CREATE INDEX IF NOT EXISTS sluice_jobs_open ON sluice_jobs (owner, ended_at) WHERE ${OPEN}`,
  'CREATE INDEX IF NOT EXISTS sluice_jobs_kept ON sluice_jobs (ended_at) WHERE results_deleted = 0',
  'CREATE INDEX IF NOT EXISTS sluice_jobs_shown ON sluice_jobs (owner, created, id) WHERE hidden IS NULL',
  `CREATE TABLE IF NOT EXISTS sluice_tokens (
    id VARCHAR(16) PRIMARY KEY,
    hash VARCHAR(64) NOT NULL,
    name VARCHAR(200) NOT NULL,
    owner VARCHAR(200) NOT NULL,
    role VARCHAR(16) NOT NULL,
    created BIGINT NOT NULL,
    last_used BIGINT,
    expires BIGINT,
    revoked BIGINT
  )`,
  ...['sluice_credentials', 'sluice_data_stores'].map(
    (name) => `CREATE TABLE IF NOT EXISTS ${name} (
    id VARCHAR(24) PRIMARY KEY,
    owner VARCHAR(200) NOT NULL,
    name VARCHAR(500) NOT NULL,
    created BIGINT NOT NULL,
    sealed TEXT NOT NULL
  )`,
  ),
  'CREATE TABLE IF NOT EXISTS sluice_queue (id BIGINT PRIMARY KEY, turns BIGINT NOT NULL)',
  'CREATE TABLE IF NOT EXISTS sluice_server_version (id BIGINT PRIMARY KEY, version BIGINT NOT NULL)',
  'INSERT INTO sluice_queue (id, turns) VALUES (1, 0) ON CONFLICT (id) DO NOTHING',
  `INSERT INTO sluice_server_version (id, version) VALUES (1, ${VERSION}) ON CONFLICT (id) DO NOTHING`,
];

/** What makes the tables of the version before into those of each version. */
const STEPS: ReadonlyMap<number, readonly string[]> = new Map([
  [2, ['ALTER TABLE sluice_jobs ADD COLUMN batch VARCHAR(32)']],
]);

/** Of columns that tables of an earlier version get by a step. */
const LATER_INDEXES = ['CREATE INDEX IF NOT EXISTS sluice_jobs_batch ON sluice_jobs (batch) WHERE batch IS NOT NULL'];

/**
 * Makes the tables where they are not there, and those of an earlier version into these; servers of that version that are still at work go on with
 * them. Throws CONFIG_INVALID for those of a later version.
 */
export async function makeJobTables(session: StoreSession): Promise<void> {
  const make = (statements: readonly string[]): Promise<void> =>
    session.makeTables(async (store) => {
      for (const sql of statements) await store.execute(sql);
    });
  await make(TABLES);
  for (const [version, statements] of STEPS) await step(session, version, statements);
  const [row] = await session.use((store) => store.query('SELECT version FROM sluice_server_version WHERE id = 1'));
  const found = Number(row?.[0] ?? 0);
  if (found !== VERSION)
    throw new SluiceError(
      'CONFIG_INVALID',
      `server.store: the tables there are of version ${found}, and this Sluice knows ${VERSION}. Use the version that made them, or another database.`,
    );
  await make(LATER_INDEXES);
}

/** Of several servers that begin at once one does it: the others wait for the row of the version, and find that it is done. */
function step(session: StoreSession, version: number, statements: readonly string[]): Promise<void> {
  const take = `UPDATE sluice_server_version SET version = ${version} WHERE id = 1 AND version = ${version - 1}`;
  return session.transaction(async (store) => {
    if ((await store.execute(take)) === 0) return;
    for (const sql of statements) await store.execute(sql);
  });
}
