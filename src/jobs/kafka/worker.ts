import type { Clock } from '../../core/clock.ts';
import type { ConnectionGuard } from '../../core/connection-guard.ts';
import { findSluiceError, messageOf } from '../../core/error.ts';
import type { FinishedRequest } from '../../core/finished-request.ts';
import { addTally, EMPTY_TALLY, type Tally } from '../../core/scored-batch.ts';
import { type Activity, StageMeter } from '../../core/stage-meter.ts';
import type { KafkaClient } from '../../links/kafka/client.ts';
import { LatencyHistogram } from '../../observe/latency-histogram.ts';
import { NO_SERVICE, type ServiceFigures } from '../../observe/service-statistics.ts';
import { createOutputFormat } from '../../scoring/output/output-format.ts';
import { createScorer } from '../../scoring/scorer-stack.ts';
import { OutputFormatSlot } from '../../stages/output-format-slot.ts';
import { score } from '../../stages/score.ts';
import type { Configuration } from '../configuration.ts';
import { monitorOf } from '../monitoring/monitor-of-job.ts';
import { outputSettingsOf, scorerSettingsOf } from '../scoring-settings.ts';
import { announcedScoring } from './announced-scoring.ts';
import { type Announcement, Announcements } from './announcements.ts';
import type { ClusterSettings } from './cluster.ts';
import { JobLinks } from './job-links.ts';
import { leasesOfRunningJob } from './leases-of-running-job.ts';
import type { News } from './process-news.ts';
import { shareBudgets } from './shared-budgets.ts';
import { figuresName, figuresText } from './worker-figures.ts';

export interface WorkerOptions {
  readonly client: KafkaClient;
  readonly settings: ClusterSettings;
  /** Where the tokens of deployments are, which no job announces. */
  readonly configuration: Configuration | undefined;
  /** Makes the guard of the connections of a job that was announced with one. @param targets as `Announcement.targets`. */
  readonly guardOf: (targets: readonly string[]) => ConnectionGuard;
  readonly clock: Clock;
  /** Told of every job that is joined or left, and why. One line, for people. */
  readonly onEvent: (text: string) => void;
}

/** What a worker has done for one job. */
export interface WorkerStatus {
  readonly job: string;
  readonly tally: Tally;
  readonly requests: number;
  readonly retries: number;
  readonly inFlight: number;
  /** Requests at once that are allowed now. */
  readonly limit: number;
  readonly service: ServiceFigures;
  /** Milliseconds of its partitions, by activity. */
  readonly score: Readonly<Record<Activity, number>>;
  /** Latencies of the last seconds. */
  readonly recent: LatencyHistogram;
  readonly paused: number;
  readonly rebalances: number;
}

const AGAIN_MS = 5_000;
/** Requests that one batch tells of, as they travel in the head of its record. */
const REQUESTS_TOLD = 500;
/** Those that wait to be told of, while a server refuses everything and no batch is done. */
const REQUESTS_HELD = 10_000;

/** A job that is being scored. */
interface Joined {
  readonly announcement: Announcement;
  readonly leaving: AbortController;
  readonly done: Promise<void>;
  status: () => WorkerStatus;
}

/**
 * Joins the score stage of every job that the cluster announces, as one more member of its group, and leaves it when the job ends
 * or stops. A job that fails here (its prediction server cannot be reached from this machine) is tried again for as long as it runs.
 */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #joined = new Map<string, Joined>();
  #announcements: Announcements | undefined;
  #isListening = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  get status(): readonly WorkerStatus[] {
    return [...this.#joined.values()].map(({ status }) => status());
  }

  /** Whether the worker hears of jobs. */
  get isListening(): boolean {
    return this.#isListening;
  }

  /** Works until `stop`; then finishes and commits what is in flight. Rejects when the cluster cannot be used. */
  async run(stop: AbortSignal): Promise<void> {
    const { client, settings, clock } = this.#options;
    const announcements = await Announcements.open(client, settings);
    this.#announcements = announcements;
    await using _ = shareBudgets(client, settings, clock, this.#figures());
    try {
      for await (const news of announcements.changes(stop)) {
        this.#isListening = true;
        await this.#follow(news);
      }
    } catch (error) {
      if (!stop.aborted) throw error;
    } finally {
      this.#isListening = false;
      await Promise.all([...this.#joined.keys()].map((name) => this.#leave(name)));
    }
  }

  /** What whoever runs a job shows of the work for it. */
  #figures(): News {
    return {
      tell: () =>
        new Map(
          this.status.map(({ job, inFlight, limit, retries, score, recent }) => [
            figuresName(job),
            figuresText({ inFlight, limit, retries, score: whole(score), recent: recent.counts() }),
          ]),
        ),
      hear: () => undefined,
    };
  }

  async #follow(news: ReadonlyMap<string, Announcement | null>): Promise<void> {
    for (const [name, announcement] of news) {
      const joined = this.#joined.get(name);
      const runs = announcement?.state === 'running';
      if (joined !== undefined && (!runs || joined.announcement.epoch !== announcement.epoch)) await this.#leave(name);
      if (runs && !this.#joined.has(name)) this.#join(announcement);
    }
  }

  /** Asked of the cluster: what it has told so far may be older than a standstill. */
  async #runs({ name, epoch }: Announcement, signal: AbortSignal): Promise<boolean> {
    const now = await this.#announcements?.find(name, signal);
    return now?.state === 'running' && now.epoch === epoch;
  }

  async #leave(name: string): Promise<void> {
    const joined = this.#joined.get(name);
    if (joined === undefined) return;
    joined.leaving.abort();
    await joined.done;
    this.#joined.delete(name);
    this.#options.onEvent(`left the job ${name}`);
  }

  #join(announcement: Announcement): void {
    const { name } = announcement;
    const leaving = new AbortController();
    const idle = {
      job: name,
      tally: EMPTY_TALLY,
      requests: 0,
      retries: 0,
      inFlight: 0,
      limit: 0,
      service: NO_SERVICE,
      score: { work: 0, input: 0, server: 0, output: 0 },
      recent: new LatencyHistogram(),
      paused: 0,
      rebalances: 0,
    };
    const joined: Joined = {
      announcement,
      leaving,
      status: () => idle,
      done: this.#work(announcement, leaving.signal, (status) => (joined.status = status)),
    };
    this.#joined.set(name, joined);
  }

  async #work(
    announcement: Announcement,
    leaving: AbortSignal,
    show: (status: () => WorkerStatus) => void,
  ): Promise<void> {
    const { clock, onEvent } = this.#options;
    while (!leaving.aborted) {
      try {
        onEvent(`joined the job ${announcement.name}`);
        await this.#score(announcement, leaving, show);
        return;
      } catch (error) {
        if (leaving.aborted) return;
        const retryable = findSluiceError(error)?.code !== 'CONFIG_INVALID';
        onEvent(`the job ${announcement.name}: ${messageOf(error)}${retryable ? '; trying again' : ''}`);
        if (!retryable) return;
        await clock.sleep(AGAIN_MS, leaving).catch(() => undefined);
      }
    }
  }

  async #score(
    announcement: Announcement,
    leaving: AbortSignal,
    show: (status: () => WorkerStatus) => void,
  ): Promise<void> {
    const { client, settings, clock } = this.#options;
    const { name, model } = announcement;
    const job = announcedScoring(announcement, this.#options);
    const failing = new AbortController();
    /** What whoever runs the job is not told of yet. */
    const requests: FinishedRequest[] = [];
    await using links = new JobLinks(client, settings, clock, announcement);
    const stack = createScorer(...scorerSettingsOf(job, { model }), {
      clock,
      onPause: (reason) => this.#options.onEvent(`the job ${name} waits: ${reason.message}`),
      onResume: () => this.#options.onEvent(`the job ${name} goes on`),
      onRequest: (request) => {
        if (requests.length < REQUESTS_HELD) requests.push(request);
      },
    });
    await using scorer = stack.scorer;
    // Whoever leaves before he has joined has nothing to finish: a server or brokers that are away are not waited for.
    await scorer.describe(leaving);
    const rows = await links.rowsReader(leaving);
    const scored = await links.scoredWriter(leaving);
    const leave = (): void => void rows.leave().catch((error: unknown) => failing.abort(error));
    leaving.addEventListener('abort', leave, { once: true });
    if (leaving.aborted) leave();
    let tally = EMPTY_TALLY;
    const meter = new StageMeter('score', clock);
    show(() => {
      const { requests, retries, inFlight, limit } = stack.counters;
      const { paused, rebalances } = rows.consumer;
      const [service, recent] = [stack.counters.service(), stack.counters.recent()];
      const score = meter.milliseconds;
      return { job: name, tally, requests, retries, inFlight, limit, service, score, recent, paused, rebalances };
    });
    await score(
      {
        rows: leasesOfRunningJob(rows.reader, (signal) => this.#runs(announcement, signal)),
        scored: {
          ...scored,
          append: async (partition, record, signal) => {
            if (record.kind === 'end') return await scored.append(partition, record, signal);
            const value = { ...record.value, requests: requests.splice(0, REQUESTS_TOLD) };
            await scored.append(partition, { ...record, value }, signal);
            tally = addTally(tally, value.tally);
          },
        },
        scorer,
        format: new OutputFormatSlot((intake) => createOutputFormat(outputSettingsOf(job), intake)),
        meter,
        monitor: monitorOf(job),
      },
      failing.signal,
    );
  }
}

function whole({ work, input, server, output }: WorkerStatus['score']): WorkerStatus['score'] {
  return { work: Math.round(work), input: Math.round(input), server: Math.round(server), output: Math.round(output) };
}
