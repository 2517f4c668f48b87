import { messageOf } from '../../core/error.ts';
import type { JobRecord } from './job-record.ts';
import type { JobParts } from './job-work.ts';
import { ownedJob } from './owned-job.ts';
import { discardUnfinished } from './unfinished-output.ts';

/** What a job has left that has ended, wherever that is, and its removal. What fails is told, and is no fault of the job. */
export class JobRemains {
  readonly #parts: JobParts;
  readonly #stop: AbortSignal;

  /** @param stop the server leaves. */
  constructor(parts: JobParts, stop: AbortSignal) {
    this.#parts = parts;
    this.#stop = stop;
  }

  /** Of an aborted job its upload goes; its result, too, unless it failed by an error, of which the dead letters may tell. */
  async inFolder({ id, status, failure }: JobRecord): Promise<void> {
    const { folders } = this.#parts;
    if (status !== 'ABORTED') return;
    await (failure === null ? folders.remove(id) : folders.removeIntake(id));
  }

  /** What an aborted job has of an output that is not finished. */
  async inStore(record: JobRecord): Promise<void> {
    const { clock, log } = this.#parts;
    const { id, status, outputType, attempts } = record;
    if (status !== 'ABORTED' || outputType !== 's3' || attempts === 0) return;
    try {
      await discardUnfinished(await ownedJob(this.#parts, record), id, clock, this.#stop);
    } catch (error) {
      log(`job ${id}: what it had written of its output could not be removed: ${messageOf(error)}`);
    }
  }

  /** Its topics. The next job need not wait for that; what fails here is done by `Retention`. */
  async onCluster(record: JobRecord): Promise<void> {
    const { cluster, log } = this.#parts;
    if (cluster?.isDoneWith(record) !== true || this.#stop.aborted) return;
    await cluster.forget(record.id, this.#stop).catch((error: unknown) => {
      if (!this.#stop.aborted) log(`job ${record.id}: its topics could not be removed yet: ${messageOf(error)}`);
    });
  }
}
