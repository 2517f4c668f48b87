import { findSluiceError, SluiceError } from '../../core/error.ts';
import { settlesWithin } from '../../core/settles-within.ts';
import type { KafkaConsumer } from '../../links/kafka/client.ts';
import { jobTopics } from '../../links/kafka/job/job-topics.ts';
import { readRowsTail } from '../../links/kafka/job/rows-tail.ts';
import { deliver } from '../../stages/deliver.ts';
import type { Delivered } from '../../stages/delivery.ts';
import { ingest } from '../../stages/ingest.ts';
import { OutputFormatSlot } from '../../stages/output-format-slot.ts';
import { score } from '../../stages/score.ts';
import type { TopicProgress } from '../job-run.ts';
import { ingestPlace, type PipelineParts } from '../pipeline.ts';
import { type Announcement, Announcements } from './announcements.ts';
import { claimPlace, type PlaceOptions } from './claim-place.ts';
import { type IngestResume, ingestResume } from './ingest-resume.ts';
import { JobLinks } from './job-links.ts';
import { missingTopics } from './missing-topics.ts';

export interface KafkaJobOptions extends PlaceOptions {
  readonly parts: Omit<PipelineParts, 'partitions'>;
  /** Whether nobody will continue a run that has not ended well: then it takes its topics with it. Left out: they stay. */
  readonly isGivenUp?: () => boolean;
}

const LOOK_EVERY_MS = 1_000;
/** How long a run that has not ended well tries to tell the cluster. */
const LEAVING_MS = 5_000;

/**
 * A bounded job over topics of its own: ingest, one member of the score stage, and deliver, in this process; any number of
 * workers join the score stage. What was ingested and scored outlives the process: another run of the same job, here or on
 * another machine, continues it.
 */
export class KafkaJob implements AsyncDisposable {
  readonly #options: KafkaJobOptions;
  readonly #announcements: Announcements;
  readonly #place: Announcement;
  readonly #resume: IngestResume | null;
  readonly #links: JobLinks;
  #ingested: number;
  #topics: TopicProgress = { lag: null, partitions: 0, paused: 0, rebalances: 0, workers: null, transactions: 0 };
  #state: Announcement['state'] = 'running';

  private constructor(
    options: KafkaJobOptions,
    announcements: Announcements,
    place: Announcement,
    ingested: { readonly resume: IngestResume | null; readonly read: number },
  ) {
    this.#options = options;
    this.#announcements = announcements;
    this.#place = place;
    this.#resume = ingested.resume;
    this.#ingested = ingested.read;
    const { client, settings, parts } = options;
    this.#links = new JobLinks(client, settings, parts.clock, place);
  }

  /** Makes the topics, or finds those of an interrupted run. Throws LEDGER_OTHER_JOB when they belong to another job. */
  static async open(options: KafkaJobOptions, signal: AbortSignal): Promise<KafkaJob> {
    const { client, settings, parts } = options;
    const announcements = await Announcements.open(client, settings);
    const place = await claimPlace(options, announcements, parts.clock, signal);
    const tails = await readRowsTail(client, jobTopics(place.name).rows, place.epoch, signal);
    const resume = ingestResume(tails, ingestPlace(parts.ledger));
    const read = resume?.from.read ?? tails.reduce((most, tail) => Math.max(most, tail?.read ?? 0), 0);
    const job = new KafkaJob(options, announcements, place, { resume, read });
    await job.#announce('running', signal);
    return job;
  }

  /** The job's name on the cluster. */
  get name(): string {
    return this.#place.name;
  }

  /** Those of an earlier run, where there was one. */
  get partitions(): number {
    return this.#links.partitions;
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
    const { scorer, monitor } = parts;
    const scoring = score({ rows: rows.reader, scored, scorer, format, meter: meters.score, monitor }, all);
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
    if (failing.signal.aborted && !signal.aborted) throw await this.#explained(failing.signal.reason);
    signal.throwIfAborted();
    const delivered = await delivering;
    if (!delivered.complete) this.#state = 'stopped';
    return delivered;
  }

  /** The output is published: the job leaves the cluster, its topics too unless they are to be kept. */
  async finished(signal: AbortSignal): Promise<void> {
    this.#state = 'done';
    await this.#announce('done', signal);
    await this.#leave(this.#options.settings.keepTopics, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'done') return;
    const state = this.#state === 'running' ? 'failed' : this.#state;
    // The workers leave when they are told; without Kafka, which may take its time to say so, they have left anyway.
    const telling = this.#giveUp(state, AbortSignal.timeout(LEAVING_MS)).catch(() => undefined);
    await settlesWithin(telling, LEAVING_MS, this.#options.parts.clock);
    await this.#links[Symbol.asyncDispose]().catch(() => undefined);
  }

  async #giveUp(state: Announcement['state'], signal: AbortSignal): Promise<void> {
    const announced = await this.#announcements.find(this.name, signal);
    // One that was taken for dead has nothing to say any more: somebody else runs the job.
    if (announced?.run !== this.#place.run) return;
    await this.#announce(state, signal);
    if (this.#options.isGivenUp?.() === true) await this.#leave(false, signal);
  }

  async #leave(keepsTopics: boolean, signal: AbortSignal): Promise<void> {
    const { topics } = this.#options.client;
    const { rows, scored, group } = jobTopics(this.name);
    // First the members of this process, as a reader of a topic that is no more waits for it to come back.
    await this.#links[Symbol.asyncDispose]();
    if (!keepsTopics) {
      await topics.remove([rows, scored]);
      await this.#announcements.announce(this.name, null, signal);
    }
    // A worker that is still leaving keeps the group for a moment; an empty group goes by itself, after the cluster's own time.
    await topics.removeGroups([group]).catch(() => undefined);
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

  /** Who lost a topic that the job made itself need not make it again. */
  async #explained(thrown: unknown): Promise<unknown> {
    if (findSluiceError(thrown)?.code !== 'KAFKA_TOPIC_MISSING') return thrown;
    const missing = await missingTopics(this.#options.client, this.name).catch(() => []);
    if (missing.length === 0) return thrown;
    return new SluiceError(
      'KAFKA_TOPIC_MISSING',
      `${missing.join(' and ')} of the job was removed while it ran; run the same job again, which makes it anew and continues behind what the output has`,
      { cause: thrown },
    );
  }

  /** Progress only: a cluster that does not answer is somebody else's to report. */
  async #look(consumer: KafkaConsumer, signal: AbortSignal): Promise<void> {
    const { topics } = this.#options.client;
    const { rows, group } = jobTopics(this.name);
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
    await this.#announcements.announce(this.name, { ...this.#place, state }, signal);
  }
}
