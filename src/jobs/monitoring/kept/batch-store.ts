import type { SqlValue } from '../../../../connectors/sql/driver.ts';
import { SluiceError } from '../../../core/error.ts';
import type { JobOwner } from '../../queue/job-record.ts';
import type { StoreSession, StoreStatements } from '../../queue/store/store-session.ts';
import { makeBatchTables } from './batch-tables.ts';

/** What jobs of a deployment are looked at together by. Times are milliseconds since 1970. */
export interface MonitoringBatch {
  /** 24 hexadecimal digits. */
  readonly id: string;
  readonly deploymentId: string;
  /** No two batches of a deployment have the same. */
  readonly name: string;
  readonly created: number;
  readonly createdBy: JobOwner;
  /** The job that it was made for; null: it was made by itself. */
  readonly jobId: string | null;
}

/** A batch with the time of its jobs. */
export interface ListedBatch extends MonitoringBatch {
  /** When the first of them was begun; null: none was. */
  readonly started: number | null;
  /** When the last of those that have ended did. */
  readonly ended: number | null;
}

/** Which batches of a deployment a list has; what is left out does not matter. */
export interface BatchFilter {
  readonly deploymentId: string;
  readonly offset: number;
  readonly limit: number;
  /** Only batches of this user; null: of all. */
  readonly owner: string | null;
  /** The user who made them. */
  readonly createdBy?: string | undefined;
  /** A part of the name, in any case, or the ID. */
  readonly search?: string | undefined;
  readonly from?: number | undefined;
  readonly until?: number | undefined;
  readonly orderBy: 'name' | '-name' | 'createdAt' | '-createdAt';
}

const DAY_MS = 86_400_000;
const COLUMNS = 'b.id, b.deployment, b.name, b.creator, b.created, b.job';
const TIMES = ['min(j.started_at)', 'max(j.ended_at)'].map(
  (time) => `(SELECT ${time} FROM sluice_jobs j WHERE j.batch = b.id)`,
);

/** The batches of monitoring of all deployments, in the store of a server. Throws what `JobStore` throws. */
export class BatchStore {
  readonly #session: StoreSession;

  private constructor(session: StoreSession) {
    this.#session = session;
  }

  static async open(session: StoreSession): Promise<BatchStore> {
    await session.makeTables(makeBatchTables);
    return new BatchStore(session);
  }

  /**
   * Keeps a batch, which counts among those of its day. That of a job is there once, however often its making is tried. Throws CONFIG_INVALID where
   * there is another one of the same name, and JOB_LIMIT (422) where there are too many.
   * @param most of one deployment in one day.
   */
  async insert(batch: MonitoringBatch, most: number): Promise<MonitoringBatch> {
    const known = await this.#session.transaction((store) => this.#count(store, batch, most));
    if (known !== null) return known;
    const { id, deploymentId, name, created, createdBy, jobId } = batch;
    const values = [id, deploymentId, name, createdBy.userId, JSON.stringify(createdBy), created, jobId];
    const sql = `INSERT INTO sluice_monitoring_batches (id, deployment, name, owner, creator, created, job)
      VALUES (${values.map((_, at) => this.#place(at + 1)).join(', ')}) ON CONFLICT (deployment, name) DO NOTHING`;
    const rows = await this.#session.use((store) => store.executeDurably(sql, values));
    // Two at the same moment: the table lets one of them have the name.
    if (rows !== 1) throw nameTaken(batch);
    return batch;
  }

  /** Those of these IDs that are batches of a deployment. */
  async find(deploymentId: string, ids: readonly string[]): Promise<readonly ListedBatch[]> {
    if (ids.length === 0) return [];
    const places = ids.map((_, at) => this.#place(at + 2)).join(', ');
    const where = `b.deployment = ${this.#place(1)} AND b.id IN (${places})`;
    return await this.#session.use((store) => this.#select(store, where, [deploymentId, ...ids]));
  }

  async list(filter: BatchFilter): Promise<{ readonly total: number; readonly batches: readonly ListedBatch[] }> {
    const parameters: SqlValue[] = [];
    const place = (value: SqlValue): string => this.#place(parameters.push(value));
    const parts = [`b.deployment = ${place(filter.deploymentId)}`];
    for (const owner of [filter.owner ?? undefined, filter.createdBy])
      if (owner !== undefined) parts.push(`b.owner = ${place(owner)}`);
    if (filter.from !== undefined) parts.push(`b.created >= ${place(filter.from)}`);
    if (filter.until !== undefined) parts.push(`b.created < ${place(filter.until)}`);
    if (filter.search !== undefined) {
      const pattern = `%${filter.search.toLowerCase().replaceAll(/[!%_]/g, '!$&')}%`;
      parts.push(`(lower(b.name) LIKE ${place(pattern)} ESCAPE '!' OR b.id = ${place(filter.search)})`);
    }
    const where = parts.join(' AND ');
    const direction = filter.orderBy.startsWith('-') ? 'DESC' : 'ASC';
    const column = filter.orderBy.endsWith('name') ? 'b.name' : 'b.created';
    const page = `LIMIT ${Math.trunc(filter.limit)} OFFSET ${Math.trunc(filter.offset)}`;
    return await this.#session.use(async (store) => {
      const [count] = await store.query(`SELECT count(*) FROM sluice_monitoring_batches b WHERE ${where}`, parameters);
      const order = `ORDER BY ${column} ${direction}, b.id ${direction}`;
      const batches = await this.#select(store, `${where} ${order} ${page}`, parameters);
      return { total: Number(count?.[0] ?? 0), batches };
    });
  }

  /** The jobs whose rows count to one of these batches. */
  async jobsOf(ids: readonly string[]): Promise<readonly string[]> {
    if (ids.length === 0) return [];
    const sql = `SELECT id FROM sluice_jobs WHERE batch IN (${ids.map((_, at) => this.#place(at + 1)).join(', ')})`;
    const rows = await this.#session.use((store) => store.query(sql, ids));
    return rows.map(([id]) => String(id));
  }

  /** Forgets batches that were made before `before`, and whose jobs have all ended before it: nothing is kept of their rows any more. */
  async forget(before: number): Promise<void> {
    const isUsed = `SELECT 1 FROM sluice_jobs j WHERE j.batch = sluice_monitoring_batches.id AND (j.ended_at IS NULL OR j.ended_at >= ${this.#place(2)})`;
    const sql = `DELETE FROM sluice_monitoring_batches WHERE created < ${this.#place(1)} AND NOT EXISTS (${isUsed})`;
    await this.#session.use((store) => store.execute(sql, [before, before]));
  }

  /** Counts one more of the day. Gives the batch instead where its job has it already. */
  async #count(store: StoreStatements, batch: MonitoringBatch, most: number): Promise<MonitoringBatch | null> {
    const { deploymentId, name, jobId } = batch;
    const day = Math.floor(batch.created / DAY_MS);
    const [deployment, at] = [this.#place(1), this.#place(2)];
    const made = `INSERT INTO sluice_batch_days (deployment, day, batches) VALUES (${deployment}, ${at}, 0) ON CONFLICT (deployment, day) DO NOTHING`;
    await store.execute(made, [deploymentId, day]);
    const old = `DELETE FROM sluice_batch_days WHERE deployment = ${deployment} AND day < ${at}`;
    await store.execute(old, [deploymentId, day - 7]);
    // Holds the row until the end of the transaction: servers count one after the other.
    const more = `UPDATE sluice_batch_days SET batches = batches + 1 WHERE deployment = ${deployment} AND day = ${at}`;
    await store.execute(more, [deploymentId, day]);
    const [alike] = await this.#select(store, `b.deployment = ${deployment} AND b.name = ${at}`, [deploymentId, name]);
    if (alike !== undefined) {
      if (jobId === null || alike.jobId !== jobId) throw nameTaken(batch);
      await store.execute(more.replace('+ 1', '- 1'), [deploymentId, day]);
      return alike;
    }
    const counted = `SELECT batches FROM sluice_batch_days WHERE deployment = ${deployment} AND day = ${at}`;
    const [row] = await store.query(counted, [deploymentId, day]);
    if (Number(row?.[0] ?? 0) > most) throw tooMany(deploymentId, most);
    return null;
  }

  async #select(
    store: StoreStatements,
    rest: string,
    parameters: readonly SqlValue[],
  ): Promise<readonly ListedBatch[]> {
    const sql = `SELECT ${COLUMNS}, ${TIMES.join(', ')} FROM sluice_monitoring_batches b WHERE ${rest}`;
    return (await store.query(sql, parameters)).map(batchOf);
  }

  #place(number: number): string {
    return this.#session.dialect.parameter(number);
  }
}

function batchOf(row: readonly SqlValue[]): ListedBatch {
  const [id, deployment, name, creator, created, job, started, ended] = row;
  return {
    id: String(id),
    deploymentId: String(deployment),
    name: String(name),
    created: Number(created),
    createdBy: JSON.parse(String(creator)) as JobOwner,
    jobId: job === null ? null : String(job),
    started: numberOf(started),
    ended: numberOf(ended),
  };
}

function numberOf(value: SqlValue | undefined): number | null {
  return value === null ? null : Number(value);
}

function nameTaken({ name, deploymentId }: MonitoringBatch): SluiceError {
  return new SluiceError(
    'CONFIG_INVALID',
    `body: batchName: the deployment ${deploymentId} has a batch "${name}" already; choose another name.`,
  );
}

/** Not 429: clients of DataRobot's would wait for the next day. */
function tooMany(deploymentId: string, most: number): SluiceError {
  return new SluiceError(
    'JOB_LIMIT',
    `${most} batches of monitoring of the deployment ${deploymentId} were made today (UTC), which is all that one day may have (server.limits.monitoringBatchesPerDay).`,
    { status: 422 },
  );
}
