import type { Clock } from '../../core/clock.ts';
import { findSluiceError, messageOf, SluiceError } from '../../core/error.ts';
import type { LinkWriter, PartitionLease } from '../../core/link.ts';
import { addStatistics } from '../../core/merge-statistics.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import { addTally, type ScoredBatch } from '../../core/scored-batch.ts';
import type { StageMeter } from '../../core/stage-meter.ts';
import type { TopicPartition } from '../../links/kafka/client.ts';
import type { CountedClient } from '../../links/kafka/counted-client.ts';
import { PartitionNumbers } from '../../links/kafka/live/topic-partition-numbers.ts';
import { createTopicReader, type TopicReader } from '../../links/kafka/live/topic-reader.ts';
import { createPlainWriter } from '../../links/kafka/live/writer-at-least-once.ts';
import { createTransactionalWriter } from '../../links/kafka/live/writer-exactly-once.ts';
import type { TopicWriterOptions } from '../../links/kafka/live/writer-link.ts';
import { createOutputFormat } from '../../scoring/output/output-format.ts';
import { createScorer } from '../../scoring/scorer-stack.ts';
import { FailureBudget } from '../../stages/failure-budget.ts';
import { OutputFormatSlot } from '../../stages/output-format-slot.ts';
import { createPartsWriter } from '../../stages/parts-writer.ts';
import { score } from '../../stages/score.ts';
import { BatchSizing } from '../batch-sizing.ts';
import { commitPolicyOf } from '../commit-policy.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { batchRowsOf } from '../explanations/occlusion-of.ts';
import { jobIdentity } from '../job-identity.ts';
import { clusterOf } from '../kafka/cluster.ts';
import { consumerTimes } from '../kafka/job-links.ts';
import {
  deadLetterTopicOf,
  ensureDeadLetterTopic,
  messageReaders,
  messageWriter,
  startOf,
  type TopicIntake,
  topicsOf,
} from '../kafka/open-topics.ts';
import { monitorOf } from '../monitoring/monitor-of-job.ts';
import type { ProgressTracker } from '../progress-tracker.ts';
import { outputSettingsOf, scorerSettingsOf } from '../scoring-settings.ts';
import { withFailureBudget } from './live-delivery.ts';
import { liveParts } from './live-parts.ts';
import { sqlParts } from './sql-parts.ts';

export interface LiveRun {
  readonly job: JobDescription;
  readonly cluster: CountedClient;
  readonly clock: Clock;
  readonly meters: { readonly score: StageMeter };
  readonly tracker: ProgressTracker;
  readonly stop: AbortSignal;
  readonly signal: AbortSignal;
  readonly onWait: (ms: number) => void;
}

/** Bytes of messages that are fetched ahead per partition. More were no faster, and a message of 80 bytes takes 300 in memory. */
const BUFFER_BYTES = 1024 * 1024;
/** Before a process that was fenced joins again, in milliseconds. */
const AGAIN_MS = 1_000;

/**
 * Scores a topic for ever: this process is one of any number in the group. Ends with JOB_INTERRUPTED when it is stopped (what was
 * read is scored, written and committed), and with its error when something fails that waiting does not mend.
 */
export async function runLive(run: LiveRun): Promise<never> {
  for (;;) {
    try {
      await scoreUntilStopped(run);
    } catch (error) {
      // A broker that comes back may let an older producer of ours have the last word: the group hands the partitions out anew.
      const fenced = findSluiceError(error)?.code === 'KAFKA_FENCED';
      if (!fenced || run.stop.aborted || run.signal.aborted) throw error;
      run.tracker.enter('running', `begins again: ${messageOf(error)}`);
      await run.clock.sleep(AGAIN_MS, run.signal);
    }
  }
}

async function scoreUntilStopped(run: LiveRun): Promise<never> {
  const { job, clock, tracker, stop, signal } = run;
  const stack = createScorer(...scorerSettingsOf(job, null), {
    clock,
    onWait: ({ ms }) => run.onWait(ms),
    onPause: (reason) => tracker.enter('paused', reason.message),
    onResume: () => tracker.enter('running'),
  });
  await using scorer = stack.scorer;
  await scorer.describe(signal);
  const format = new OutputFormatSlot((intake) => createOutputFormat(outputSettingsOf(job), intake));
  const numbers = new PartitionNumbers();
  const leases = new Map<string, PartitionLease<RowBatch>>();
  const failing = new AbortController();
  // What becomes durable is committed then, not with the next row, which may never come.
  const onDurable = (split: string, through: number): void => {
    leases
      .get(split)
      ?.commit(through)
      .catch(() => undefined);
  };
  // Nor is a failure found by the next row alone. Of a partition that somebody else has now it is none.
  const onFailure = (split: string, error: unknown): void => {
    if (leases.get(split)?.lost.aborted !== true) failing.abort(error);
  };
  await using writer = await openWriter(run, numbers, format, { onDurable, onFailure });
  await using reader = openReader(run, numbers);
  const failures = new FailureBudget({ abortOnError: job.abortOnError, ...job.deadLetters });
  const { counters } = stack;
  const { tally: before, statistics } = tracker;
  tracker.begin(null, null, {
    bytesRead: () => 0,
    requests: () => counters.requests,
    retries: () => counters.retries,
    inFlight: () => counters.inFlight,
    limit: () => counters.limit,
    latency: () => counters.latency(),
    recentLatency: () => counters.recentLatency(),
    explanations: () => counters.explanations,
    service: () => counters.service(),
    topics: () => ({
      // Of a partition that nothing was fetched of nothing is known, and mostly there is nothing.
      lag: reader.lags.reduce((sum, { lag }) => sum + (lag ?? 0), 0),
      partitions: reader.lags.length,
      paused: reader.paused,
      rebalances: reader.rebalances,
      workers: null,
      transactions: run.cluster.transactions,
    }),
  });
  tracker.delivered(before, statistics);
  const leave = (): void => void reader.close().catch(() => undefined);
  stop.addEventListener('abort', leave, { once: true });
  if (stop.aborted) leave();
  await score(
    {
      rows: {
        async *leases(until) {
          for await (const lease of reader.leases(until)) {
            leases.set(splitOf(numbers.partitionOf(lease.partition)), lease);
            yield lease;
          }
        },
      },
      scored: withFailureBudget(writer, failures, (tally, added) =>
        tracker.delivered(addTally(before, tally), addStatistics(statistics, added)),
      ),
      scorer,
      format,
      meter: run.meters.score,
      // Parts of a live topic have no log of predictions.
      monitor: monitorOf({ ...job, predictionLog: null }),
      inFlightPerPartition: job.inFlightPerPartition,
    },
    AbortSignal.any([signal, failing.signal]),
  );
  signal.throwIfAborted();
  failing.signal.throwIfAborted();
  throw new SluiceError(
    'JOB_INTERRUPTED',
    `stopped after ${tracker.tally.read} messages, all of them scored and committed; run the same job again to continue`,
  );
}

function openReader({ job, cluster, clock, tracker }: LiveRun, numbers: PartitionNumbers): TopicReader {
  const intake = topicIntake(job);
  const { group } = intake;
  if (group === null) throw new SluiceError('CONFIG_INVALID', 'intakeSettings.group is needed by a job without an end');
  return createTopicReader({
    client: cluster,
    consumer: {
      ...consumerTimes(clusterOf(job)),
      topics: topicsOf(intake),
      readCommitted: intake.readCommitted,
      bufferBytes: BUFFER_BYTES,
    },
    group,
    start: startOf(intake),
    until: null,
    limits: new BatchSizing({ ...job, chunkRows: batchRowsOf(job) }),
    messages: messageReaders(job, intake, clock),
    numbers,
    clock,
    commitOffsets: !isTransactional(job),
    onWait: (place, reason) => sayWait(tracker, place, reason),
  });
}

/** What a writer tells beside what it is asked. */
interface WriterEvents {
  /** Everything below this offset of `topic/partition` is durable. */
  readonly onDurable: (split: string, through: number) => void;
  readonly onFailure: (split: string, error: unknown) => void;
}

/** The scored link: the output topic, or parts that are files, objects or rows of a table. */
async function openWriter(
  run: LiveRun,
  numbers: PartitionNumbers,
  format: OutputFormatSlot,
  { onDurable, onFailure }: WriterEvents,
): Promise<LinkWriter<ScoredBatch> & AsyncDisposable> {
  const { job, cluster, clock, tracker } = run;
  const { outputSettings: output } = job;
  const intake = topicIntake(job);
  const nameOf = (partition: number): string => splitOf(numbers.partitionOf(partition));
  if (output.type === 'localFile' || output.type === 's3' || output.type === 'jdbc') {
    const parts = output.type === 'jdbc' ? sqlParts(job, output, clock) : liveParts(job, output, clock);
    const { rows, bytes, seconds } = output.roll;
    const writer = createPartsWriter({
      openPart: parts.openPart,
      publishedThrough: parts.publishedThrough,
      splitOf: nameOf,
      job: jobIdentity(job, { group: intake.group }),
      format,
      roll: { rows, bytes, ms: 1000 * seconds },
      commits: commitPolicyOf(job),
      clock,
      onPublished: ({ split, through }) => onDurable(split, through),
      onFailure: (partition, error) => onFailure(nameOf(partition), error),
      onWait: ({ split, reason }) => tracker.enter('running', `${split} waits: ${reason}`),
    });
    return { ...writer, [Symbol.asyncDispose]: () => parts[Symbol.asyncDispose]() };
  }
  if (output.type !== 'kafka')
    throw new SluiceError('CONTRACT_BROKEN', `a live topic cannot be written to an output of type ${output.type}`);
  const { compression, replicationFactor } = clusterOf(job);
  await ensureDeadLetterTopic(cluster, output, replicationFactor);
  const options: TopicWriterOptions = {
    client: cluster,
    topic: output.topic,
    deadLetterTopic: deadLetterTopicOf(output),
    inputOf: (partition) => numbers.partitionOf(partition),
    messages: messageWriter(output, clock),
    mapping: {
      key: output.keyColumn === null ? 'envelope' : { column: output.keyColumn },
      headers: 'keep',
      timestamp: 'keep',
    },
    partitioning: output.partitioning,
    keepFailed: output.keepFailed,
    compression,
    clock,
    onDurable: (partition, offset) => onDurable(nameOf(partition), offset),
    onFailure: (partition, error) => onFailure(nameOf(partition), error),
    onWait: (partition, error) => sayWait(tracker, numbers.partitionOf(partition), error?.message ?? null),
  };
  if (!isTransactional(job)) return createPlainWriter(options);
  const group = intake.group ?? '';
  return createTransactionalWriter({ ...options, group, transactionalIdPrefix: `sluice-${group}` });
}

function isTransactional({ outputSettings: output }: JobDescription): boolean {
  return output.type === 'kafka' && output.delivery === 'exactlyOnce';
}

function topicIntake({ intakeSettings: intake }: JobDescription): TopicIntake {
  if (intake.type === 'kafka') return intake;
  throw new SluiceError('CONTRACT_BROKEN', 'a live job reads topics');
}

function splitOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

function sayWait(tracker: ProgressTracker, place: TopicPartition, reason: string | null): void {
  if (tracker.state === 'draining') return;
  tracker.enter('running', reason === null ? '' : `${splitOf(place)} waits: ${reason}`);
}
