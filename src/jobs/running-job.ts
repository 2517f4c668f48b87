import { untilStopped } from '../codecs/streams/until-stopped.ts';
import type { Clock } from '../core/clock.ts';
import { findSluiceError, SluiceError } from '../core/error.ts';
import type { FinishedRequest } from '../core/finished-request.ts';
import type { Json } from '../core/json.ts';
import type { Ledger } from '../core/ledger.ts';
import type { Sink } from '../core/sink.ts';
import type { Source, Split } from '../core/source.ts';
import { StageMeter } from '../core/stage-meter.ts';
import type { KafkaClient } from '../links/kafka/client.ts';
import { diagnostics } from '../observe/diagnostics.ts';
import { createOutputFormat } from '../scoring/output/output-format.ts';
import { createScorer, type ScorerStack } from '../scoring/scorer-stack.ts';
import { FailureBudget } from '../stages/failure-budget.ts';
import { withBatchObserver } from './batch-observer.ts';
import { BatchSizing } from './batch-sizing.ts';
import { continuedVersion } from './catalog/continued-version.ts';
import { commitPolicyOf } from './commit-policy.ts';
import type { JobDescription } from './description/parse-job.ts';
import { batchRowsOf } from './explanations/occlusion-of.ts';
import { type OpenedIntake, withBaseline } from './explanations/read-baseline.ts';
import { jobIdentity } from './job-identity.ts';
import type { JobResult } from './job-run.ts';
import { type ClusterSettings, clusterOf, openCluster } from './kafka/cluster.ts';
import { JobWorkers } from './kafka/job-workers.ts';
import { KafkaJob } from './kafka/kafka-job.ts';
import { isLive } from './kafka/open-topics.ts';
import { shareBudgets } from './kafka/shared-budgets.ts';
import { learnsSize } from './learns-size.ts';
import { limitedSource } from './limited-source.ts';
import { runLive } from './live/run-live.ts';
import { loggedSink } from './monitoring/logged-sink.ts';
import { monitorOf, withSampling } from './monitoring/monitor-of-job.ts';
import { batchScored } from './monitoring/scored-batch-event.ts';
import { assertOutputIsNoIntake, openSink, openSource, type StandardStreams } from './open-endpoints.ts';
import { type PipelineParts, runPipeline } from './pipeline.ts';
import { ProgressTracker } from './progress-tracker.ts';
import { reportOf } from './report/report.ts';
import { writeReport } from './report/write-report.ts';
import { requestProbes } from './request-probes.ts';
import type { Endpoints, RunJobOptions } from './run-job-options.ts';
import { outputSettingsOf, scorerSettingsOf } from './scoring-settings.ts';

export interface RunningJobPorts {
  readonly clock: Clock;
  readonly meters: Readonly<Record<StageMeter['stage'], StageMeter>>;
  readonly tracker: ProgressTracker;
  readonly stop: AbortSignal;
  readonly signal: AbortSignal;
  /** Told of every wait for the prediction server, in milliseconds. */
  readonly onWait: (ms: number) => void;
  /** Whether a run that ends without having published leaves nothing for a continuation. */
  readonly keeps: { readonly nothing: boolean };
}

/** What a run has found when its pipeline starts. */
interface Opened {
  readonly job: JobDescription;
  readonly identity: Readonly<Record<string, Json>>;
  readonly source: Source;
  readonly splits: readonly Split[];
  readonly sink: Sink;
  readonly ledger: Ledger | null;
  /** Null for a job that needs none. */
  readonly cluster: KafkaClient | null;
}

/** A run of a job, from its ends to its published output. */
export class RunningJob {
  readonly #job: JobDescription;
  readonly #options: RunJobOptions;
  readonly #ports: RunningJobPorts;
  /** Who scores for it, where it is on a cluster. */
  readonly #workers: JobWorkers;
  /** Rows that were read so far, those of earlier runs among them; how many of them were delivered the tracker knows. */
  #ingested = 0;

  constructor(job: JobDescription, options: RunJobOptions, ports: RunningJobPorts) {
    this.#job = job;
    this.#options = options;
    this.#ports = ports;
    this.#workers = new JobWorkers(ports.clock, ports.meters.score);
  }

  async execute(): Promise<JobResult> {
    for (let job = this.#job; ; ) {
      const outcome = await this.#attempt(job);
      if (!('continueAs' in outcome)) return outcome;
      job = outcome.continueAs;
    }
  }

  /** Runs the job, or says as which job its output is continued. */
  async #attempt(given: JobDescription): Promise<JobResult | { readonly continueAs: JobDescription }> {
    const { clock, signal } = this.#ports;
    const { endpoints } = this.#options;
    const cluster = given.kafka === null ? null : await openCluster(given.kafka, clock);
    await using _ = cluster;
    const hears = given.limiter !== 'fixed' || given.engine === 'kafka';
    await using __ = cluster === null || !hears ? null : shareBudgets(cluster, clusterOf(given), clock, this.#workers);
    if (cluster !== null && isLive(given) && endpoints === undefined && this.#options.source === undefined)
      return await runLive({ job: await this.#explained(given, null), cluster, ...this.#ports });
    const ends = endpoints?.(given) ?? this.#endpoints(given, cluster);
    await using source = ends.source;
    await using sink = loggedSink(given, ends.sink, clock);
    const intake = await source.identity(signal);
    const splits = await source.splits(signal);
    assertOutputIsNoIntake(
      given,
      splits.map(({ id, object }) => object ?? id),
    );
    const explained = await this.#explained(given, { source, identity: intake, splits });
    const job = withSampling(explained, splits);
    const { name } = this.#options;
    const identity = { ...jobIdentity(job, intake), ...(name === undefined ? {} : { name }) };
    const ledger = await sink.open(identity, signal).catch((error: unknown) => {
      const continueAs = continuedVersion(job, identity, error);
      if (continueAs === null) throw error;
      return { continueAs };
    });
    if (ledger !== null && 'continueAs' in ledger) return ledger;
    if (ledger !== null && intake === null) {
      throw new SluiceError(
        'INTAKE_CHANGED',
        'standard input cannot be continued, as it comes only once; start anew with --overwrite',
      );
    }
    try {
      return await this.#score({ job, identity, source, splits, sink, ledger, cluster });
    } catch (error) {
      const isFailed = findSluiceError(error)?.code !== 'JOB_INTERRUPTED';
      if (this.#ports.keeps.nothing || (isFailed && this.#options.discardsFailed === true)) await sink.discard();
      throw error;
    }
  }

  /** The job with the rows that it is explained by, if it needs any. */
  #explained(job: JobDescription, intake: OpenedIntake | null): Promise<JobDescription> {
    const { clock, signal } = this.#ports;
    const streams = { input: process.stdin, output: process.stdout };
    return withBaseline(job, intake, { streams, cluster: null, clock, overwrite: false }, signal);
  }

  /** The ends that the settings describe. */
  #endpoints(job: JobDescription, cluster: KafkaClient | null): Endpoints {
    const given: StandardStreams = { input: process.stdin, output: process.stdout, ...this.#options.streams };
    const leaving = AbortSignal.any([this.#ports.stop, this.#ports.signal]);
    const streams = { ...given, input: untilStopped(given.input, 'standard input', leaving) };
    const ports = { streams, cluster, clock: this.#ports.clock, overwrite: this.#options.overwrite === true };
    const { sink, intakeLimits } = this.#options;
    const source = this.#options.source ?? openSource(job, ports);
    return {
      source: intakeLimits === undefined ? source : limitedSource(source, intakeLimits),
      sink: sink ?? openSink(job, ports),
    };
  }

  async #score(opened: Opened): Promise<JobResult> {
    const { job, sink, ledger } = opened;
    const { clock, tracker, signal, onWait } = this.#ports;
    const sizing = this.#sizing(opened);
    const model = ledger?.model ?? (job.pinnedModelId === null ? (this.#options.model ?? null) : null);
    const stack = createScorer(...scorerSettingsOf(job, { model }), {
      clock,
      onSent: (request) => sizing.sent(request),
      onWait: ({ ms }) => onWait(ms),
      onPause: (reason) => tracker.enter('paused', reason.message),
      onResume: () => tracker.enter('running'),
      onRequest: (request) => this.#ended(request),
    });
    await using scorer = stack.scorer;
    await scorer.describe(signal);
    const parts = this.#parts(opened, stack, sizing);
    await using kafka = await this.#kafkaJob(opened, parts, stack);
    this.#begin(opened, stack, kafka);
    const { stop } = this.#ports;
    const delivered = await (kafka === null
      ? runPipeline(
          { ...parts, partitions: job.numConcurrent, onRead: (rows) => (this.#ingested = rows) },
          stop,
          signal,
        )
      : kafka.run(stop, signal));
    if (!delivered.complete) {
      throw new SluiceError(
        'JOB_INTERRUPTED',
        opened.identity['intake'] === null
          ? `stopped after ${delivered.tally.read} rows, all of them written; an intake that comes only once cannot be continued`
          : `stopped after ${delivered.tally.read} rows, all of them durable; run the same job again to continue`,
      );
    }
    tracker.enter('publishing');
    const facts = {
      version: 1 as const,
      job: opened.identity,
      tally: delivered.tally,
      model: delivered.ledger.model ?? stack.model,
      ...(delivered.models === undefined ? {} : { models: delivered.models }),
      ...(delivered.statistics === undefined ? {} : { statistics: delivered.statistics }),
      intakeBytes: delivered.intakeBytes,
      ...(delivered.failedIntake === undefined ? {} : { intake: delivered.failedIntake }),
      finished: new Date(clock.wall()).toISOString(),
    };
    const manifest = await sink.publish(facts, delivered.schema, signal);
    await kafka?.finished(signal);
    await opened.source.finished?.(signal);
    tracker.enter('done');
    const result = { manifest, progress: tracker.look() };
    if (job.report !== null) await writeReport(job.report, reportOf(job, result));
    return result;
  }

  /** How the batches of the job are cut. */
  #sizing({ job, identity, splits }: Opened): BatchSizing {
    // Cutting by time would give other batches on another run; only a stream that comes as it comes is worth it, and over Kafka, where a
    // job is continued by cutting the same batches again, one that comes only once.
    const comesOnce = job.engine === 'direct' || identity['intake'] === null;
    const comesSlowly = comesOnce && splits.some(({ bytes }) => bytes === null);
    const lingerMs = comesSlowly ? job.lingerMs : Number.POSITIVE_INFINITY;
    // Over Kafka a job is continued by cutting the same batches again, which those that follow the server are not.
    const chunkSize = job.engine === 'kafka' && job.chunkSize === 'dynamic' ? 'auto' : job.chunkSize;
    // Of ends that somebody else made nothing is known.
    const { sink, endpoints } = this.#options;
    const learns = sink === undefined && endpoints === undefined && learnsSize(job);
    return new BatchSizing({ ...job, chunkSize, chunkRows: batchRowsOf(job), lingerMs }, learns);
  }

  #parts(
    { job, source, splits, sink, ledger }: Opened,
    { scorer }: ScorerStack,
    sizing: BatchSizing,
  ): Omit<PipelineParts, 'partitions'> {
    const { clock, meters, tracker } = this.#ports;
    return {
      source,
      splits,
      sink,
      ledger,
      scorer: withBatchObserver(scorer, clock, (latencyMs, batch, scores) => {
        sizing.observe(latencyMs);
        diagnostics.batchScored(() => batchScored(job, latencyMs, batch, scores));
      }),
      monitor: monitorOf(job),
      outputFormat: (intake) => createOutputFormat(outputSettingsOf(job), intake, { columns: ledger?.columns ?? null }),
      limits: sizing,
      failures: new FailureBudget({ abortOnError: job.abortOnError, ...job.deadLetters }),
      mixesModels: job.onModelChange === 'record',
      commits: { ...commitPolicyOf(job), ...this.#options.commits },
      clock,
      meters,
      onDelivered: (tally, statistics) => tracker.delivered(tally, statistics),
      onRequest: (request) => this.#ended(request),
    };
  }

  #ended(request: FinishedRequest): void {
    this.#workers.ended(request);
    this.#options.onRequest?.(request);
  }

  /** Null for a job in one process. */
  async #kafkaJob(
    { job, identity, cluster }: Opened,
    parts: Omit<PipelineParts, 'partitions'>,
    { model }: ScorerStack,
  ): Promise<KafkaJob | null> {
    if (job.engine === 'direct' || cluster === null || job.kafka === null) return null;
    const settings: ClusterSettings = job.kafka;
    const overwrite = this.#options.overwrite === true;
    const place = { client: cluster, settings, job, identity, model, overwrite, partitions: job.numConcurrent };
    const isGivenUp = (): boolean => this.#ports.keeps.nothing;
    const kafka = await KafkaJob.open({ ...place, parts, isGivenUp }, this.#ports.signal);
    this.#workers.follow(kafka.name, kafka.partitions);
    return kafka;
  }

  #begin({ source, splits, ledger }: Opened, { counters }: ScorerStack, kafka: KafkaJob | null): void {
    const sizes = splits.map(({ bytes }) => bytes);
    const bytesTotal = sizes.includes(null) ? null : sizes.reduce<number>((sum, bytes) => sum + bytes!, 0);
    const { tracker } = this.#ports;
    tracker.begin(ledger, bytesTotal, {
      // Ingest may be far ahead: what counts is what was delivered of it.
      bytesRead: () => {
        const rows = kafka?.ingested ?? this.#ingested;
        if (rows === 0) return source.bytesRead;
        const ingested = kafka?.isIngested === true ? (bytesTotal ?? 0) : source.bytesRead;
        return Math.round(ingested * Math.min(1, tracker.tally.read / rows));
      },
      ...requestProbes(counters),
      all: () => this.#workers.all(counters),
      topics: () => kafka?.topics ?? null,
    });
  }
}
