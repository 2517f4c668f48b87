import type { Clock } from '../../core/clock.ts';
import { jobOfTopic } from '../../links/kafka/job/job-topics.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { type ClusterSettings, openCluster } from '../kafka/cluster.ts';
import { forgetJob } from '../kafka/forget-job.ts';
import { isJobId } from './job-folder.ts';
import { hasEnded, type JobRecord } from './job-record.ts';

/** How long brokers may be away before what is to be removed is left for another time, in seconds. */
const PATIENCE_SECONDS = 10;

/** The Kafka cluster that the jobs of a server run over. What each of them has there bears its ID. */
export class JobCluster {
  readonly #settings: ClusterSettings;
  readonly #clock: Clock;

  private constructor(settings: ClusterSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Throws CONFIG_UNREADABLE for certificates that cannot be read; whether brokers answer is seen by the jobs. */
  static async open(settings: ClusterSettings, clock: Clock): Promise<JobCluster> {
    await using _ = await openCluster(settings, clock);
    return new JobCluster(settings, clock);
  }

  /** Whether what a job has there is of no use any more. With `keepTopics` that of a finished one stays as long as its result. */
  isDoneWith({ status, claim, resultsDeleted }: JobRecord): boolean {
    const isKept = status === 'COMPLETED' && this.#settings.keepTopics && !resultsDeleted;
    return hasEnded({ status }) && claim === null && !isKept;
  }

  /** A job as it is run here. */
  over(job: JobDescription, id: string): JobDescription {
    return { ...job, engine: 'kafka', kafka: { ...this.#settings, job: id } };
  }

  /** Removes what a job has there that will not be continued; workers that are at it leave first. Throws what the cluster says. */
  async forget(id: string, signal: AbortSignal): Promise<void> {
    await using client = await this.#client();
    await forgetJob({ client, clock: this.#clock, name: id, settings: this.#settings }, signal);
  }

  /** The jobs that have something there; those of other servers may be among them. */
  async jobIds(): Promise<readonly string[]> {
    await using client = await this.#client();
    const names = (await client.topics.list()).flatMap((topic) => jobOfTopic(topic) ?? []);
    return [...new Set(names)].filter(isJobId);
  }

  #client(): ReturnType<typeof openCluster> {
    const retrySeconds = Math.min(PATIENCE_SECONDS, this.#settings.retrySeconds);
    return openCluster({ ...this.#settings, retrySeconds }, this.#clock);
  }
}
