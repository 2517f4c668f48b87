import type { Clock } from '../../core/clock.ts';
import type { LinkWriter, PartitionLease } from '../../core/link.ts';
import { addStatistics } from '../../core/merge-statistics.ts';
import type { Monitor } from '../../core/monitor.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import { addTally, type ScoredBatch } from '../../core/scored-batch.ts';
import type { StageMeter } from '../../core/stage-meter.ts';
import type { TopicPartition } from '../../links/kafka/client.ts';
import type { CountedClient } from '../../links/kafka/counted-client.ts';
import { PartitionNumbers } from '../../links/kafka/live/topic-partition-numbers.ts';
import type { TopicReader } from '../../links/kafka/live/topic-reader.ts';
import { createOutputFormat } from '../../scoring/output/output-format.ts';
import { createScorer } from '../../scoring/scorer-stack.ts';
import { FailureBudget } from '../../stages/failure-budget.ts';
import { OutputFormatSlot } from '../../stages/output-format-slot.ts';
import { score } from '../../stages/score.ts';
import type { JobDescription } from '../description/parse-job.ts';
import type { ProgressTracker } from '../progress-tracker.ts';
import { requestProbes } from '../request-probes.ts';
import { outputSettingsOf, scorerSettingsOf } from '../scoring-settings.ts';
import { withFailureBudget } from './live-delivery.ts';

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

/** What a writer tells beside what it is asked. */
export interface WriterEvents {
  /** Everything below this offset of `topic/partition` is durable. */
  readonly onDurable: (split: string, through: number) => void;
  readonly onFailure: (split: string, error: unknown) => void;
}

/** The rows link and the scored link of a job over topics. */
export interface TopicLinks {
  openReader(numbers: PartitionNumbers): TopicReader;
  openWriter(
    numbers: PartitionNumbers,
    format: OutputFormatSlot,
    events: WriterEvents,
  ): Promise<LinkWriter<ScoredBatch> & AsyncDisposable>;
  /** Looks at every batch that is scored; null: nobody does. */
  readonly monitor: Monitor | null;
}

/**
 * The score stage of a job over topics: joins its two links until the reader ends, is stopped or something fails that waiting does not
 * mend. What was read is scored, written and committed then; but for that of the partitions that it gives, which were taken away when the
 * time for it was over.
 */
export async function scoreTopics(run: LiveRun, links: TopicLinks): Promise<readonly string[]> {
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
  await using writer = await links.openWriter(numbers, format, { onDurable, onFailure });
  await using reader = links.openReader(numbers);
  const failures = new FailureBudget({ abortOnError: job.abortOnError, ...job.deadLetters });
  const { counters } = stack;
  const { tally: before, statistics } = tracker;
  tracker.begin(null, null, {
    bytesRead: () => 0,
    ...requestProbes(counters),
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
  let draining: readonly (readonly [string, PartitionLease<RowBatch>])[] = [];
  const leave = (): void => {
    draining = [...leases].filter(([, lease]) => !lease.revoked.aborted);
    void reader.close().catch(() => undefined);
  };
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
      monitor: links.monitor,
      inFlightPerPartition: job.inFlightPerPartition,
    },
    AbortSignal.any([signal, failing.signal]),
  );
  signal.throwIfAborted();
  failing.signal.throwIfAborted();
  return draining.filter(([, lease]) => lease.lost.aborted).map(([split]) => split);
}

/** A partition as its rows name it. */
export function splitOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
