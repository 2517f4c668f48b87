import type { SqlValue } from '../../../../connectors/sql/driver.ts';
import type { Manifest } from '../../../core/ledger.ts';
import { mergeStatistics } from '../../../core/merge-statistics.ts';
import type { Statistics } from '../../../core/statistics.ts';
import type { ServiceHour } from '../../../observe/service-hour.ts';
import type { StoreSession } from '../../queue/store/store-session.ts';
import { makeMonitoringTables } from './monitoring-tables.ts';

/** What of a deployment is looked at. */
export interface MonitoringQuery {
  readonly deployment: string;
  /** Null: of all models. */
  readonly model: string | null;
  /** Only of jobs in one of these batches; null: of all jobs. */
  readonly batches: readonly string[] | null;
  /** Milliseconds since 1970; `to` is left out. */
  readonly from: number;
  readonly to: number;
}

/** Which drift is tracked. */
export interface DriftSettings {
  readonly featureDrift: boolean;
  readonly targetDrift: boolean;
}

/** Statistics of one job. */
export interface KeptStatistics {
  /** When the job ended. */
  readonly ended: number;
  readonly statistics: Statistics;
}

/** Requests of one hour, of one job. */
export interface KeptHour {
  /** Since 1970. */
  readonly hour: number;
  readonly owner: string;
  readonly requests: ServiceHour;
}

const HOUR_MS = 3_600_000;
const TRACKED: DriftSettings = { featureDrift: true, targetDrift: true };

/** What is kept of the jobs of all deployments, in the store of a server. Throws what `JobStore` throws. */
export class MonitoringStore {
  readonly #session: StoreSession;

  private constructor(session: StoreSession) {
    this.#session = session;
  }

  static async open(session: StoreSession): Promise<MonitoringStore> {
    await session.makeTables(makeMonitoringTables);
    return new MonitoringStore(session);
  }

  /**
   * Keeps the statistics of a job whose output is published, in place of those that are kept of it; nothing where it has none. They count from when its
   * record says COMPLETED. The output's manifest has all of its rows, so that they are there once, whoever writes them again: who finishes a job
   * that was killed in between, or a replay that has completed the output. What is looked at stays what was looked at when the job ended.
   */
  async keepStatistics(
    job: { readonly id: string; readonly deploymentId: string },
    { statistics, model, job: identity }: Manifest,
    ended: number,
  ): Promise<void> {
    const { baseline } = identity;
    if (statistics === undefined || typeof baseline !== 'string') return;
    const before = await this.#kept(job.id);
    const { featureDrift, targetDrift } =
      before === null || before.rows === 0
        ? await this.settings(job.deploymentId)
        : { featureDrift: before.features.length > 0, targetDrift: before.predictions.length > 0 };
    if (!featureDrift && !targetDrift) return;
    const kept: Statistics = {
      ...statistics,
      features: featureDrift ? statistics.features : [],
      predictions: targetDrift ? statistics.predictions : [],
    };
    const values = [job.id, job.deploymentId, model?.id ?? null, ended, baseline, JSON.stringify(kept)];
    const sql = `INSERT INTO sluice_statistics (job, deployment, model, ended, baseline, data) VALUES (${this.#places(6)})
      ON CONFLICT (job) DO UPDATE SET data = excluded.data`;
    await this.#session.use((store) => store.execute(sql, values));
  }

  /** Keeps the requests of an hour of a job, in place of what was kept of it. @param attempt how often the job was begun. */
  async keepHour(
    job: {
      readonly id: string;
      readonly deploymentId: string;
      readonly attempt: number;
      readonly model: string | null;
    },
    hour: number,
    requests: ServiceHour,
  ): Promise<void> {
    const values = [job.id, job.attempt, hour, job.deploymentId, job.model, JSON.stringify(requests)];
    const sql = `INSERT INTO sluice_service_hours (job, attempt, hour, deployment, model, data) VALUES (${this.#places(6)})
      ON CONFLICT (job, attempt, hour) DO UPDATE SET model = excluded.model, data = excluded.data`;
    await this.#session.use((store) => store.execute(sql, values));
  }

  /** Statistics of the jobs that ended in a time, the oldest first. @param baseline only of those that were counted by its bins. */
  async statistics(query: MonitoringQuery, baseline: string): Promise<readonly KeptStatistics[]> {
    const { where, parameters } = this.#condition(query);
    const place = this.#session.dialect.parameter;
    const sql = `SELECT s.ended, s.data FROM sluice_statistics s JOIN sluice_jobs j ON j.id = s.job
      WHERE ${where} AND j.status = 'COMPLETED' AND s.baseline = ${place(parameters.length + 1)}
      AND s.ended >= ${place(parameters.length + 2)} AND s.ended < ${place(parameters.length + 3)} ORDER BY s.ended, s.job`;
    const rows = await this.#session.use((store) => store.query(sql, [...parameters, baseline, query.from, query.to]));
    return rows.map(([ended, data]) => ({
      ended: Number(ended),
      statistics: JSON.parse(String(data)) as Statistics,
    }));
  }

  /** The requests of a time, whole hours of it. */
  async hours(query: MonitoringQuery): Promise<readonly KeptHour[]> {
    const { where, parameters } = this.#condition(query);
    const place = this.#session.dialect.parameter;
    const sql = `SELECT s.hour, j.owner, s.data FROM sluice_service_hours s JOIN sluice_jobs j ON j.id = s.job
      WHERE ${where} AND s.hour >= ${place(parameters.length + 1)} AND s.hour < ${place(parameters.length + 2)}
      ORDER BY s.hour, s.job, s.attempt`;
    const [from, to] = [Math.floor(query.from / HOUR_MS), Math.ceil(query.to / HOUR_MS)];
    const rows = await this.#session.use((store) => store.query(sql, [...parameters, from, to]));
    return rows.map(([hour, owner, data]) => ({
      hour: Number(hour),
      owner: String(owner),
      requests: JSON.parse(String(data)) as ServiceHour,
    }));
  }

  /** Which drift of a deployment is tracked: both unless somebody said otherwise. */
  async settings(deployment: string): Promise<DriftSettings> {
    const sql = `SELECT data FROM sluice_deployments WHERE id = ${this.#session.dialect.parameter(1)}`;
    const [row] = await this.#session.use((store) => store.query(sql, [deployment]));
    return row === undefined ? TRACKED : { ...TRACKED, ...(JSON.parse(String(row[0])) as Partial<DriftSettings>) };
  }

  async changeSettings(deployment: string, change: Partial<DriftSettings>): Promise<void> {
    const data = JSON.stringify({ ...(await this.settings(deployment)), ...change });
    const sql = `INSERT INTO sluice_deployments (id, data) VALUES (${this.#places(2)})
      ON CONFLICT (id) DO UPDATE SET data = excluded.data`;
    await this.#session.use((store) => store.executeDurably(sql, [deployment, data]));
  }

  /** Forgets what is older than it is kept. */
  async forget(before: number): Promise<void> {
    const place = this.#session.dialect.parameter(1);
    await this.#session.use(async (store) => {
      await store.execute(`DELETE FROM sluice_statistics WHERE ended < ${place}`, [before]);
      await store.execute(`DELETE FROM sluice_service_hours WHERE hour < ${place}`, [Math.floor(before / HOUR_MS)]);
    });
  }

  async #kept(job: string): Promise<Statistics | null> {
    const sql = `SELECT data FROM sluice_statistics WHERE job = ${this.#session.dialect.parameter(1)}`;
    const [row] = await this.#session.use((store) => store.query(sql, [job]));
    return row === undefined ? null : (JSON.parse(String(row[0])) as Statistics);
  }

  /** On what is kept `s` of a job `j`. */
  #condition({ deployment, model, batches }: MonitoringQuery): {
    readonly where: string;
    readonly parameters: readonly SqlValue[];
  } {
    const parameters: SqlValue[] = [];
    const place = (value: SqlValue): string => this.#session.dialect.parameter(parameters.push(value));
    const parts = [`s.deployment = ${place(deployment)}`];
    if (model !== null) parts.push(`s.model = ${place(model)}`);
    if (batches !== null) parts.push(`j.batch IN (${batches.map(place).join(', ')})`);
    return { where: parts.join(' AND '), parameters };
  }

  #places(count: number): string {
    return Array.from({ length: count }, (_, at) => this.#session.dialect.parameter(at + 1)).join(', ');
  }
}

/** The statistics of all of them; null where there are none. */
export function mergedStatistics(all: readonly KeptStatistics[]): Statistics | null {
  return all.reduce<Statistics | null>(
    (sum, { statistics }) => (sum === null ? statistics : mergeStatistics(sum, statistics)),
    null,
  );
}
