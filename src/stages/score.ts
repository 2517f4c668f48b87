import type { LinkReader, LinkWriter, PartitionLease } from '../core/link.ts';
import type { Monitor } from '../core/monitor.ts';
import { REJECTED_BYTES, type RowBatch } from '../core/row-batch.ts';
import type { DeadLetter, OutputRows, ScoredBatch } from '../core/scored-batch.ts';
import type { Scorer, Scores } from '../core/scorer.ts';
import type { StageMeter } from '../core/stage-meter.ts';
import type { OutputFormatSlot } from './output-format-slot.ts';

export interface ScoreOptions {
  readonly rows: LinkReader<RowBatch>;
  readonly scored: LinkWriter<ScoredBatch>;
  readonly scorer: Scorer;
  /** The output format for the columns of a batch. */
  readonly format: Pick<OutputFormatSlot, 'for'>;
  readonly meter: StageMeter;
  /** Looks at every batch that is scored; what it finds goes with the batch. */
  readonly monitor?: Monitor | null | undefined;
  /** Micro-batches of one partition that are scored at once; they are handed on in order. Default 1. */
  readonly inFlightPerPartition?: number;
}

const NO_SCORES: Scores = {
  rows: 0,
  columns: [],
  bytes: new Uint8Array(0),
  ends: new Uint32Array(0),
  failures: [],
  model: null,
};

/** Of a batch whose records are all rejected: it may not even know the columns. */
const NO_OUTPUT: OutputRows = { schema: null, bytes: new Uint8Array(0), ends: new Uint32Array(0) };

/**
 * The score stage: one micro-batch at a time per partition (or `inFlightPerPartition`), so the number of partitions is the ceiling of
 * its concurrency. Joins the outcomes with the rows and hands on, in one record, all that must become durable together.
 * Works on partitions as they are leased, and ends when none will come any more.
 */
export async function score(options: ScoreOptions, signal: AbortSignal): Promise<void> {
  const failing = new AbortController();
  const all = AbortSignal.any([signal, failing.signal]);
  const working = new Map<number, Promise<void>>();
  try {
    for await (const lease of options.rows.leases(all)) {
      const { partition } = lease;
      const work = scorePartition(options, lease, working.get(partition), all);
      working.set(partition, work);
      // A later lease of the partition has taken its place in the map by then, if there is one.
      const over = (): boolean => working.get(partition) === work && working.delete(partition);
      work.then(over, (error: unknown) => failing.abort(error));
    }
    await Promise.all(working.values());
  } finally {
    failing.abort(new Error('the score stage has ended'));
    await Promise.allSettled(working.values());
  }
}

/** A batch under way: it is scored already, or will be. */
interface Scoring {
  readonly sequence: number;
  readonly value: Promise<ScoredBatch>;
}

/**
 * Works on a partition until it ends or goes to somebody else.
 * @param before the work on an earlier lease of it: a partition that was lost can come back before that has noticed.
 */
async function scorePartition(
  options: ScoreOptions,
  lease: PartitionLease<RowBatch>,
  before: Promise<void> | undefined,
  signal: AbortSignal,
): Promise<void> {
  try {
    await using _ = lease;
    await before;
    await scoreLeased(options, lease, AbortSignal.any([signal, lease.lost]));
  } catch (error) {
    // Somebody else has the partition already; what was under way is his to do. Also where only the last commit failed by it.
    if (lease.lost.aborted && !signal.aborted) return;
    throw error;
  }
}

async function scoreLeased(
  options: ScoreOptions,
  lease: PartitionLease<RowBatch>,
  working: AbortSignal,
): Promise<void> {
  const { scored, inFlightPerPartition = 1 } = options;
  const { partition, revoked } = lease;
  const committed = lease.committed;
  const from = await scored.begin(partition, committed, working);
  if (from !== committed) lease.seek(from);
  try {
    const queue: Scoring[] = [];
    const finishFirst = async (): Promise<void> => {
      const { sequence, value } = queue.shift()!;
      const record = { kind: 'batch', sequence, value: await value } as const;
      // Asked for anew: a process that stood still may have lost the partition and not been told yet.
      lease.lost.throwIfAborted();
      await options.meter.time('output', () => scored.append(partition, record, working));
      await lease.commit(scored.durable(partition));
    };
    while (!revoked.aborted) {
      if (queue.length >= inFlightPerPartition) {
        await finishFirst();
        continue;
      }
      const record = await nextOrFinished(options.meter, lease, queue[0], working);
      if (record === 'finished') await finishFirst();
      else if (record === 'revoked') break;
      else if (record.kind === 'end') {
        while (queue.length > 0) await finishFirst();
        await scored.append(partition, record, working);
        break;
      } else {
        const value = scoreBatch(options, record.sequence, record.value, working);
        // It is awaited in its turn; until then its failure belongs to nobody.
        value.catch(() => undefined);
        queue.push({ sequence: record.sequence, value });
      }
    }
    while (queue.length > 0) await finishFirst();
  } catch (error) {
    // What was handed on before is good all the same; the error that came first is the one to tell.
    await letGo(scored, lease, working).catch(() => undefined);
    throw error;
  }
  await letGo(scored, lease, working);
}

/** What was handed on becomes durable, and is committed, before the partition goes to somebody else. */
async function letGo(
  scored: LinkWriter<ScoredBatch>,
  lease: PartitionLease<RowBatch>,
  working: AbortSignal,
): Promise<void> {
  await scored.end(lease.partition, working);
  if (!working.aborted) await lease.commit(scored.durable(lease.partition));
}

/** The next record; or, where batches are in flight, the word that the first of them is scored, whichever comes first. */
async function nextOrFinished(
  meter: StageMeter,
  lease: PartitionLease<RowBatch>,
  first: Scoring | undefined,
  working: AbortSignal,
): Promise<Awaited<ReturnType<typeof lease.next>> | 'finished' | 'revoked'> {
  try {
    if (first === undefined) return await meter.time('input', () => lease.next(working));
    const waiting = new AbortController();
    const done = first.value.then(
      () => waiting.abort(waiting),
      () => waiting.abort(waiting),
    );
    try {
      return await lease.next(AbortSignal.any([working, waiting.signal]));
    } catch (error) {
      if (!waiting.signal.aborted || working.aborted || error !== waiting) throw error;
      await done;
      return 'finished';
    }
  } catch (error) {
    if (lease.revoked.aborted && !working.aborted) return 'revoked';
    throw error;
  }
}

async function scoreBatch(
  { scorer, format: slot, meter, monitor }: ScoreOptions,
  sequence: number,
  batch: RowBatch,
  signal: AbortSignal,
): Promise<ScoredBatch> {
  if (batch.rows === 0)
    return { ...scoredBatch(sequence, batch, NO_SCORES, NO_OUTPUT), ...monitor?.observe(batch, NO_SCORES) };
  // Settings that do not fit the columns are reported before anything is sent.
  const format = slot.for(batch.schema);
  const scores = await meter.time('server', () => scorer.score(batch, signal));
  const value = meter.timeSync('work', () => ({
    ...scoredBatch(sequence, batch, scores, format.render(batch, scores)),
    ...monitor?.observe(batch, scores),
  }));
  // The output, dead letters and rejected records are copies; nothing of the rows is needed any more.
  batch.release();
  scores.release?.();
  return value;
}

/** All that becomes durable with a batch. */
export function scoredBatch(sequence: number, batch: RowBatch, scores: Scores, output: OutputRows): ScoredBatch {
  const { origin } = batch;
  const failed = scores.failures.length;
  const skipped = origin.rejected.length;
  const deadLetters = failed + skipped === 0 ? [] : deadLettersOf(batch, scores);
  const skippedBytes = origin.rejected.reduce((sum, record) => sum + record.bytes.length, 0);
  return {
    sequence,
    through: { split: origin.split, after: origin.position },
    intake: batch.schema,
    output,
    envelopes: origin.envelopes,
    tally: { read: batch.rows + skipped, scored: batch.rows - failed, failed, skipped },
    deadLetters,
    intakeBytes: batch.bytes.length + skippedBytes,
    badBytes: skippedBytes + scores.failures.reduce((sum, { row }) => sum + batch.row(row).length, 0),
    model: scores.model,
  };
}

/** Failed rows, then skipped records; in the order of the source where both have lines. */
export function deadLettersOf(batch: RowBatch, scores: Scores): readonly DeadLetter[] {
  const { split, firstRow, lines, rejected, envelopes } = batch.origin;
  const failed = scores.failures.map(({ row, reason, attempts }): DeadLetter => {
    const record = batch.row(row);
    return {
      kind: 'failed',
      split,
      row: firstRow + row,
      line: lines?.[row] ?? null,
      reason,
      attempts,
      index: row,
      bytes: record.slice(0, Math.min(record.length - 1, REJECTED_BYTES)),
      envelope: envelopes?.[row],
    };
  });
  const skipped = rejected.map(
    ({ line, reason, bytes, envelope }): DeadLetter => ({
      kind: 'skipped',
      split,
      row: null,
      line,
      reason,
      attempts: 0,
      bytes,
      envelope,
    }),
  );
  return [...failed, ...skipped].toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
}
