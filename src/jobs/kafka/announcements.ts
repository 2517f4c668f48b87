import { SluiceError } from '../../core/error.ts';
import type { JobIdentity } from '../../core/ledger.ts';
import type { ModelIdentity } from '../../core/model.ts';
import type { KafkaClient } from '../../links/kafka/client.ts';
import { CompactedTopic } from '../../links/kafka/compacted-topic.ts';
import type { JobDescription } from '../description/parse-job.ts';
import type { ClusterSettings } from './cluster.ts';

/** The topic in which every running job is announced, so that workers find it. */
const JOBS_TOPIC = 'sluice.jobs';

/** What a job says of itself to all who watch the cluster. `job` holds no secret: tokens are left out as `[redacted]`. */
export interface Announcement {
  readonly v: 1;
  /** The job's name on the cluster. */
  readonly name: string;
  /** `running` wants workers; of a `stopped` or `failed` one the rows wait for a continuation; of a `done` one the topics were kept. */
  readonly state: 'running' | 'stopped' | 'failed' | 'done';
  readonly partitions: number;
  /** Other than that of any earlier beginning of a job of this name: records of those are ignored. */
  readonly epoch: string;
  /** The run that has announced it: another one that has taken the job over has another. */
  readonly run: string;
  readonly identity: JobIdentity;
  /** The model that all rows are scored with, once it is known. */
  readonly model: ModelIdentity | null;
  readonly job: Readonly<Record<string, unknown>>;
  /**
   * Only where whoever asked for the job has said himself where its prediction server is: what may be connected to for it beside the open
   * network, in every process that scores for the job.
   */
  readonly targets?: readonly string[];
}

/** The job of an announcement, as JSON has it: secrets print as `[redacted]`, what only the ends need is left out. */
export function announcedJob(job: JobDescription): Announcement['job'] {
  const { kafka: _, intakeSettings: __, outputSettings: ___, ...rest } = job;
  return JSON.parse(JSON.stringify(rest)) as Announcement['job'];
}

/** The jobs that a cluster knows of. */
export class Announcements {
  readonly #topic: CompactedTopic;

  private constructor(topic: CompactedTopic) {
    this.#topic = topic;
  }

  static async open(client: KafkaClient, { replicationFactor }: ClusterSettings): Promise<Announcements> {
    return new Announcements(await CompactedTopic.open({ client, name: JOBS_TOPIC, replicationFactor }));
  }

  /** Tells the cluster of a job; null: the job is no more. */
  async announce(name: string, announcement: Announcement | null, signal: AbortSignal): Promise<void> {
    await this.#topic.put(name, announcement === null ? null : JSON.stringify(announcement), signal);
  }

  /** The announcement of one job as it stands; null when there is none. */
  async find(name: string, signal: AbortSignal): Promise<Announcement | null> {
    return parsed(name, await this.#topic.get(name, signal));
  }

  /** What changes, by name, as often as something does: the first time everything there is. Null: the job is no more. */
  async *changes(signal: AbortSignal): AsyncGenerator<ReadonlyMap<string, Announcement | null>> {
    let news = new Map<string, Announcement | null>();
    for await (const entry of this.#topic.watch(signal, SETTLE_MS)) {
      if (entry !== null) news.set(entry.key, parsed(entry.key, entry.value));
      else {
        yield news;
        news = new Map();
      }
    }
  }
}

/** Announcements that come together are looked at together: most of a compacted topic is history. */
const SETTLE_MS = 200;

function parsed(name: string, text: string | null): Announcement | null {
  if (text === null) return null;
  const announcement = JSON.parse(text) as Announcement;
  if (announcement.v === 1) return announcement;
  throw new SluiceError(
    'KAFKA_FAULT',
    `the topic ${JOBS_TOPIC} announces ${name} in form ${String(announcement.v)}; run the same version of Sluice everywhere`,
  );
}
