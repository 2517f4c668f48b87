import type { Clock } from '../../core/clock.ts';
import type { Progress } from '../../jobs/job-run.ts';
import { predictionBody } from '../../jobs/queue/body/prediction-body.ts';
import type { JobRecord } from '../../jobs/queue/job-record.ts';
import { JobHistory } from './job-history.ts';
import { liveSample } from './live-job.ts';

/** Jobs whose history is kept: the newest. Those of more go first that changed least recently. */
const MOST = 200;

interface Kept {
  readonly history: JobHistory;
  readonly partitions: number;
}

/** The histories of the jobs that run here, or have run lately. */
export class JobHistories {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(id: string): JobHistory | null {
    return this.#kept.get(id)?.history ?? null;
  }

  add(record: JobRecord, progress: Progress | null): void {
    if (progress === null || progress.state === 'starting') return;
    const { id } = record;
    const kept = this.#kept.get(id) ?? { history: new JobHistory(), partitions: partitionsOf(record) };
    kept.history.add(liveSample(progress, this.#clock.wall(), kept.partitions));
    this.#kept.delete(id);
    this.#kept.set(id, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MOST && oldest !== undefined) this.#kept.delete(oldest);
  }
}

function partitionsOf({ body }: JobRecord): number {
  return predictionBody.parse(body).numConcurrent;
}
