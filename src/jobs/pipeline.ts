import type { BatchLimits } from '../core/batch-limits.ts';
import type { Clock } from '../core/clock.ts';
import type { FinishedRequest } from '../core/finished-request.ts';
import type { Ledger } from '../core/ledger.ts';
import type { Monitor } from '../core/monitor.ts';
import type { OutputFormat } from '../core/output-format.ts';
import type { RowBatch } from '../core/row-batch.ts';
import type { Schema } from '../core/schema.ts';
import type { ScoredBatch, Tally } from '../core/scored-batch.ts';
import type { Scorer } from '../core/scorer.ts';
import type { Sink } from '../core/sink.ts';
import type { Source, Split } from '../core/source.ts';
import type { StageMeter } from '../core/stage-meter.ts';
import type { Statistics } from '../core/statistics.ts';
import { createMemoryLink } from '../links/memory/memory-link.ts';
import { deliver } from '../stages/deliver.ts';
import type { CommitPolicy, Delivered } from '../stages/delivery.ts';
import type { FailureBudget } from '../stages/failure-budget.ts';
import { type IngestPlace, ingest } from '../stages/ingest.ts';
import { OutputFormatSlot } from '../stages/output-format-slot.ts';
import { score } from '../stages/score.ts';

/** Bytes that one link holds in all its partitions together, unless single batches are larger. */
const LINK_BYTES = 48 * 1024 * 1024;

/** The parts of a direct run: everything opened, nothing started. */
export interface PipelineParts {
  readonly source: Source;
  readonly splits: readonly Split[];
  readonly sink: Sink;
  readonly ledger: Ledger | null;
  readonly scorer: Scorer;
  readonly outputFormat: (intake: Schema) => OutputFormat;
  /** Partitions of both links: the ceiling of the concurrency. */
  readonly partitions: number;
  readonly limits: BatchLimits;
  readonly failures: FailureBudget;
  readonly mixesModels: boolean;
  readonly commits: CommitPolicy;
  readonly clock: Clock;
  readonly meters: Readonly<Record<StageMeter['stage'], StageMeter>>;
  /** Null, or left out, for a job that is not monitored. */
  readonly monitor?: Monitor | null;
  readonly onDelivered: (tally: Tally, statistics: Statistics | undefined) => void;
  /** As that of deliver: requests of workers. */
  readonly onRequest?: ((request: FinishedRequest) => void) | undefined;
  /** As that of ingest. */
  readonly onRead?: (rows: number) => void;
}

/** Where ingest continues what the output holds. */
export function ingestPlace(ledger: Ledger | null): IngestPlace {
  return { sequence: ledger?.sequence ?? 0, read: ledger?.tally.read ?? 0, through: ledger?.through ?? null };
}

/**
 * Runs the three stages over memory links until the intake has ended, `stop` has drained them, one of them has failed
 * (then the others are aborted, and its error is thrown), or `signal` aborts.
 */
export async function runPipeline(parts: PipelineParts, stop: AbortSignal, signal: AbortSignal): Promise<Delivered> {
  const { partitions, limits, ledger, meters } = parts;
  const partitionBytes = Math.max(Math.min(2 * limits.bytes, Math.floor(LINK_BYTES / partitions)), 1);
  await using rows = createMemoryLink<RowBatch>({ partitions, partitionBytes, sizeOf: (batch) => batch.bytes.length });
  await using scored = createMemoryLink<ScoredBatch>({
    partitions,
    partitionBytes,
    sizeOf: (batch) => batch.output.bytes.length,
  });
  const format = new OutputFormatSlot(parts.outputFormat);

  const failing = new AbortController();
  const all = AbortSignal.any([signal, failing.signal]);
  const ingesting = ingest(
    {
      source: parts.source,
      splits: parts.splits,
      link: rows.writer,
      partitions,
      from: ingestPlace(ledger),
      limits,
      meter: meters.ingest,
      stop,
      ...(parts.onRead === undefined ? {} : { onRead: parts.onRead }),
    },
    all,
  );
  const scoring = score(
    {
      rows: rows.reader,
      scored: scored.writer,
      scorer: parts.scorer,
      format,
      meter: meters.score,
      monitor: parts.monitor,
    },
    all,
  );
  const delivering = deliver({ ...parts, scored: scored.reader, format, meter: meters.deliver }, all);

  const stages = [ingesting, scoring, delivering] as const;
  for (const stage of stages) stage.catch((error: unknown) => failing.abort(error));
  await Promise.allSettled(stages);
  if (failing.signal.aborted && !signal.aborted) throw failing.signal.reason;
  signal.throwIfAborted();
  return delivering;
}
