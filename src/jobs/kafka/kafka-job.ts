import { createHash } from 'node:crypto';
import { canonicalJson } from '../../core/json.ts';
import { assertSameJob, type JobIdentity } from '../../core/ledger.ts';
import type { ModelIdentity } from '../../core/model.ts';
import type { KafkaClient, KafkaConsumer } from '../../links/kafka/client.ts';
import { jobTopicSettings, jobTopics } from '../../links/kafka/job/job-topics.ts';
import { readRowsTail } from '../../links/kafka/job/rows-tail.ts';
import { deliver } from '../../stages/deliver.ts';
import type { Delivered } from '../../stages/delivery.ts';
import { ingest } from '../../stages/ingest.ts';
import { OutputFormatSlot } from '../../stages/output-format-slot.ts';
import { score } from '../../stages/score.ts';
import type { JobDescription } from '../description/parse-job.ts';
import type { TopicProgress } from '../job-run.ts';
import { ingestPlace, type PipelineParts } from '../pipeline.ts';
import { type Announcement, Announcements, announcedJob } from './announcements.ts';
import type { ClusterSettings } from './cluster.ts';
import { type IngestResume, ingestResume } from './ingest-resume.ts';
import { JobLinks } from './job-links.ts';

export interface KafkaJobOptions {
  readonly client: KafkaClient;
  readonly settings: ClusterSettings;
  readonly job: JobDescription;
  readonly identity: JobIdentity;
  readonly model: ModelIdentity | null;
  /** Throws away what an earlier run left on the cluster. */
  readonly overwrite: boolean;
  readonly parts: Omit<PipelineParts, 'partitions'>;
  /** Partitions that a new job gets. */
  readonly partitions: number;
}

const LOOK_EVERY_MS = 1_000;

/**
 * A bounded job over topics of its own: ingest, one member of the score stage, and deliver, in this process; any number of
 * workers join the score stage. What was ingested and scored outlives the process: another run of the same job, here or on
 * another machine, continues it.
 */
export class KafkaJob implements AsyncDisposable {
  readonly #options: KafkaJobOptions;
  readonly #announcements: Announcements;
  readonly #name: string;
  readonly #resume: IngestResume | null;
  readonly #links: JobLinks;
  #ingested: number;
  #topics: TopicProgress = { lag: null, partitions: 0, paused: 0, rebalances: 0, workers: null, transactions: 0 };
  #state: Announcement['state'] | 'done' = 'running';

  private constructor(
    options: KafkaJobOptions,
    announcements: Announcements,
    place: { readonly name: string; readonly partitions: number; readonly resume: IngestResume | null; read: number },
  ) {
    this.#options = options;
    this.#announcements = announcements;
    this.#name = place.name;
    this.#resume = place.resume;
    this.#ingested = place.read;
    const { client, settings, parts } = options;
    this.#links = new JobLinks(client, settings, parts.clock, place.name, place.partitions);
  }

  /** Makes the topics, or finds those of an interrupted run. Throws LEDGER_OTHER_JOB when they belong to another job. */
  static async open(options: KafkaJobOptions, signal: AbortSignal): Promise<KafkaJob> {
    const { client, settings, identity, parts } = options;
    const name = settings.job ?? nameOf(identity, options.job);
    const topics = jobTopics(name);
    const announcements = await Announcements.open(client, settings);
    const earlier = await announcements.find(name, signal);
    if (options.overwrite) {
      await client.topics.remove([topics.rows, topics.scored]);
      await client.topics.removeGroups([topics.group]);
    } else if (earlier !== null) {
      assertSameJob(earlier.identity, identity, `The job ${name} on the Kafka cluster`);
    }
    const partitions = (await client.topics.partitions(topics.rows)) ?? options.partitions;
    for (const topic of [topics.rows, topics.scored])
      await client.topics.create(jobTopicSettings(topic, partitions, settings.replicationFactor));
    const tails = await readRowsTail(client, topics.rows, signal);
    const resume = ingestResume(tails, ingestPlace(parts.ledger));
    const read = resume?.from.read ?? tails.reduce((most, tail) => Math.max(most, tail?.read ?? 0), 0);
    const job = new KafkaJob(options, announcements, { name, partitions, resume, read });
    await job.#announce('running', signal);
    return job;
  }

  /** The job's name on the cluster. */
  get name(): string {
    return this.#name;
  }

  /** Rows that are in the rows topic. */
  get ingested(): number {
    return this.#ingested;
  }

  /** Whether this run has nothing to read: an earlier one has ingested everything. */
  get isIngested(): boolean {
    return this.#resume === null;
  }

  /** How far the score stage of all processes was behind when the cluster was asked last, about every second. */
  get topics(): TopicProgress {
    return this.#topics;
  }

  /**
   * Runs the stages until the intake has ended and everything is delivered, `stop` was asked for (what is in the topics stays
   * there), one of them has failed (its error is thrown), or `signal` aborts.
   */
  async run(stop: AbortSignal, signal: AbortSignal): Promise<Delivered> {
    const { parts } = this.#options;
    const { meters } = parts;
    const { partitions } = this.#links;
    const failing = new AbortController();
    const all = AbortSignal.any([signal, failing.signal]);
    const format = new OutputFormatSlot(parts.outputFormat);
    const rows = await this.#links.rowsReader(all);
    const scored = await this.#links.scoredWriter(all);
    const scoredReader = await this.#links.scoredReader(all);
    // From here on nothing is waited for before all of them are watched.
    const ingesting = this.#ingest(stop, all);
    const scoring = score({ rows: rows.reader, scored, scorer: parts.scorer, format, meter: meters.score }, all);
    const delivering = deliver(
      { ...parts, partitions, scored: scoredReader, format, meter: meters.deliver, stop },
      all,
    );
    const leave = (): void => void rows.leave().catch((error: unknown) => failing.abort(error));
    stop.addEventListener('abort', leave, { once: true });
    if (stop.aborted) leave();
    delivering.then(leave, () => undefined);
    const looking = new AbortController();
    void this.#look(rows.consumer, AbortSignal.any([all, looking.signal]));
    for (const stage of [ingesting, scoring, delivering]) stage.catch((error: unknown) => failing.abort(error));
    await Promise.allSettled([ingesting, scoring, delivering]);
    looking.abort();
    stop.removeEventListener('abort', leave);
    if (failing.signal.aborted && !signal.aborted) throw failing.signal.reason;
    signal.throwIfAborted();
    const delivered = await delivering;
    if (!delivered.complete) this.#state = 'stopped';
    return delivered;
  }

  /** The output is published: the job leaves the cluster, its topics too unless they are to be kept. */
  async finished(signal: AbortSignal): Promise<void> {
    const { client, settings } = this.#options;
    const { rows, scored, group } = jobTopics(this.#name);
    this.#state = 'done';
    await this.#announcements.announce(this.#name, null, signal);
    // First the members of this process, as a reader of a topic that is no more waits for it to come back.
    await this.#links[Symbol.asyncDispose]();
    if (!settings.keepTopics) await client.topics.remove([rows, scored]);
    // A worker that is still leaving keeps the group for a moment; an empty group goes by itself, after the cluster's own time.
    await client.topics.removeGroups([group]).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'done') return;
    const state = this.#state === 'running' ? 'failed' : this.#state;
    // The workers leave; without Kafka they have left anyway.
    await this.#announce(state, AbortSignal.timeout(5_000)).catch(() => undefined);
    await this.#links[Symbol.asyncDispose]().catch(() => undefined);
  }

  async #ingest(stop: AbortSignal, signal: AbortSignal): Promise<void> {
    if (this.#resume === null) return;
    const { source, splits, limits, meters } = this.#options.parts;
    const link = await this.#links.rowsWriter(signal);
    await ingest(
      {
        source,
        splits,
        link,
        partitions: this.#links.partitions,
        ...this.#resume,
        limits,
        meter: meters.ingest,
        stop,
        onRead: (rows) => (this.#ingested = rows),
      },
      signal,
    );
  }

  /** Progress only: a cluster that does not answer is somebody else's to report. */
  async #look(consumer: KafkaConsumer, signal: AbortSignal): Promise<void> {
    const { topics } = this.#options.client;
    const { rows, group } = jobTopics(this.#name);
    while (!signal.aborted) {
      await this.#options.parts.clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        const [ranges, committed, workers] = await Promise.all([
          topics.ranges(rows),
          topics.committed(group, rows),
          topics.members(group),
        ]);
        const lag = ranges.reduce((sum, { start, end }, i) => sum + Math.max(0, end - (committed[i] ?? start)), 0);
        const { paused, rebalances } = consumer;
        this.#topics = { ...this.#topics, lag, partitions: this.#links.partitions, paused, rebalances, workers };
      } catch {
        continue;
      }
    }
  }

  async #announce(state: Announcement['state'], signal: AbortSignal): Promise<void> {
    const { identity, model, job } = this.#options;
    const { partitions } = this.#links;
    const announcement = {
      v: 1,
      name: this.#name,
      state,
      partitions,
      identity,
      model,
      job: announcedJob(job),
    } as const;
    await this.#announcements.announce(this.#name, announcement, signal);
  }
}

/** The same on every run of the same job into the same output, and on every machine. */
function nameOf(identity: JobIdentity, { outputSettings: output }: JobDescription): string {
  const place = output.type === 'localFile' ? output.path : output.topic;
  return createHash('sha256').update(canonicalJson({ identity, place })).digest('hex').slice(0, 16);
}
