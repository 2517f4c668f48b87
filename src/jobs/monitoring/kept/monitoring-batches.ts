import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../core/clock.ts';
import { SluiceError } from '../../../core/error.ts';
import { assertMayRun, type Caller } from '../../queue/caller.ts';
import { isJobId } from '../../queue/job-folder.ts';
import type { BatchFilter, BatchStore, ListedBatch, MonitoringBatch } from './batch-store.ts';

/** What a body says of the batch of its rows. */
interface BatchFields {
  readonly deploymentId: string;
  readonly monitoringBatchPrefix: string | null;
  readonly monitoringBatchId: string | null;
}

/**
 * The batches of monitoring of a server. Each belongs to who made it: others neither see it nor ask by it, admins do. Methods that are given a caller
 * throw JOB_UNKNOWN (404) for batches that are not his, and TOKEN_REFUSED (403) where he may only look.
 */
export class MonitoringBatches {
  readonly #store: BatchStore;
  readonly #perDay: number;
  readonly #clock: Clock;

  /** @param perDay how many of one deployment may be made in one day. */
  constructor(store: BatchStore, perDay: number, clock: Clock) {
    this.#store = store;
    this.#perDay = perDay;
    this.#clock = clock;
  }

  /** Throws CONFIG_INVALID where there is one of the same name, JOB_LIMIT (422) where there are too many of this day. */
  async create(deploymentId: string, name: string, caller: Caller): Promise<ListedBatch> {
    assertMayRun(caller);
    const batch = await this.#store.insert(this.#new(deploymentId, name, caller, null), this.#perDay);
    return { ...batch, started: null, ended: null };
  }

  async get(deploymentId: string, id: string, caller: Caller): Promise<ListedBatch> {
    const [batch] = await this.these(deploymentId, [id], caller);
    return batch!;
  }

  /** Batches by their IDs, all of them. */
  async these(deploymentId: string, ids: readonly string[], caller: Caller): Promise<readonly ListedBatch[]> {
    const wanted = [...new Set(ids)];
    const found = await this.#store.find(deploymentId, wanted.filter(isJobId));
    const his = found.filter((batch) => isHis(batch, caller));
    const unknown = wanted.find((id) => his.every((batch) => batch.id !== id));
    if (unknown === undefined) return his;
    const text = JSON.stringify(unknown.slice(0, 100));
    const message = `The deployment ${deploymentId} has no batch of monitoring ${text} of yours.`;
    throw new SluiceError('JOB_UNKNOWN', message, { status: 404 });
  }

  /** @param filter its `owner` is not looked at: everybody sees his own, admins see all. */
  async list(filter: Omit<BatchFilter, 'owner'>, { role, user }: Caller): ReturnType<BatchStore['list']> {
    return await this.#store.list({ ...filter, owner: role === 'admin' ? null : user.userId });
  }

  /** The jobs whose rows count to one of these batches. */
  async jobsOf(ids: readonly string[]): Promise<readonly string[]> {
    return await this.#store.jobsOf(ids);
  }

  /** Throws CONFIG_INVALID where a job cannot be in the batch that its body names: it must be one of its owner. */
  async assertFields(fields: BatchFields, user: Caller['user']): Promise<void> {
    const { deploymentId, monitoringBatchId: id, monitoringBatchPrefix: prefix } = fields;
    if (id === null) return;
    if (prefix !== null)
      throw new SluiceError(
        'CONFIG_INVALID',
        'job: monitoringBatchId: a job is in one batch: leave this out, or monitoringBatchPrefix, which makes a batch of its own.',
      );
    await this.these(deploymentId, [id], { user, role: 'run' }).catch((error: unknown) => {
      if (!(error instanceof SluiceError) || error.code !== 'JOB_UNKNOWN') throw error;
      throw new SluiceError('CONFIG_INVALID', `job: monitoringBatchId: ${error.message}`, { cause: error });
    });
  }

  /** The batch of a job that is being made, by its ID; null: it is in none. Throws what `create` throws. */
  async ofJob(fields: BatchFields, caller: Caller, jobId: string): Promise<string | null> {
    const { deploymentId, monitoringBatchPrefix: prefix, monitoringBatchId } = fields;
    if (prefix === null) return monitoringBatchId;
    const batch = this.#new(deploymentId, `${prefix} ${jobId}`, caller, jobId);
    return (await this.#store.insert(batch, this.#perDay)).id;
  }

  /** Forgets those of which nothing is kept any more. */
  async forget(before: number): Promise<void> {
    await this.#store.forget(before);
  }

  #new(deploymentId: string, name: string, { user }: Caller, jobId: string | null): MonitoringBatch {
    const id = randomBytes(12).toString('hex');
    return { id, deploymentId, name, created: this.#clock.wall(), createdBy: user, jobId };
  }
}

function isHis({ createdBy }: MonitoringBatch, { role, user }: Caller): boolean {
  return role === 'admin' || createdBy.userId === user.userId;
}
