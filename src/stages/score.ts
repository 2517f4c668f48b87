import type { Link, LinkReader, PartitionLease } from '../core/link.ts';
import type { OutputFormat } from '../core/output-format.ts';
import { REJECTED_BYTES, type RowBatch } from '../core/row-batch.ts';
import type { DeadLetter, ScoredBatch } from '../core/scored-batch.ts';
import type { Scorer, Scores } from '../core/scorer.ts';
import type { StageMeter } from '../core/stage-meter.ts';
import type { OutputFormatSlot } from './output-format-slot.ts';

export interface ScoreOptions {
  readonly rows: LinkReader<RowBatch>;
  readonly scored: Link<ScoredBatch>['writer'];
  readonly scorer: Scorer;
  readonly format: OutputFormatSlot;
  readonly meter: StageMeter;
}

const NO_SCORES: Scores = {
  rows: 0,
  columns: [],
  bytes: new Uint8Array(0),
  ends: new Uint32Array(0),
  failures: [],
  model: null,
};

/**
 * The score stage: one micro-batch at a time per partition, so the number of partitions is the ceiling of its
 * concurrency. Joins the outcomes with the rows and hands on, in one record, all that must become durable together.
 */
export async function score(options: ScoreOptions, signal: AbortSignal): Promise<void> {
  const working: Promise<void>[] = [];
  for await (const lease of options.rows.leases(signal)) working.push(scorePartition(options, lease, signal));
  await Promise.all(working);
}

async function scorePartition(
  options: ScoreOptions,
  lease: PartitionLease<RowBatch>,
  signal: AbortSignal,
): Promise<void> {
  const { scored, scorer, meter } = options;
  const { partition } = lease;
  await using _ = lease;
  while (!lease.revoked.aborted) {
    const record = await meter.time('input', () => lease.next(signal));
    if (record.kind === 'end') {
      await scored.append(partition, record, signal);
      return;
    }
    const batch = record.value;
    // Settings that do not fit the columns are reported before anything is sent.
    const format = options.format.for(batch.schema);
    const scores = batch.rows === 0 ? NO_SCORES : await meter.time('server', () => scorer.score(batch, signal));
    const value = meter.timeSync('work', () => scoredBatch(record.sequence, batch, scores, format));
    // The output, dead letters and rejected records are copies; nothing of the rows is needed any more.
    batch.release();
    scores.release?.();
    await meter.time('output', () =>
      scored.append(partition, { kind: 'batch', sequence: record.sequence, value }, signal),
    );
    await lease.commit(scored.durable(partition));
  }
}

function scoredBatch(sequence: number, batch: RowBatch, scores: Scores, format: OutputFormat): ScoredBatch {
  const { origin } = batch;
  const failed = scores.failures.length;
  const skipped = origin.rejected.length;
  const deadLetters = failed + skipped === 0 ? [] : deadLettersOf(batch, scores);
  const skippedBytes = origin.rejected.reduce((sum, record) => sum + record.bytes.length, 0);
  return {
    sequence,
    through: { split: origin.split, after: origin.position },
    output: format.render(batch, scores),
    tally: { read: batch.rows + skipped, scored: batch.rows - failed, failed, skipped },
    deadLetters,
    intakeBytes: batch.bytes.length + skippedBytes,
    badBytes: skippedBytes + scores.failures.reduce((sum, { row }) => sum + batch.row(row).length, 0),
    model: scores.model,
  };
}

/** Failed rows, then skipped records; in the order of the source where both have lines. */
function deadLettersOf(batch: RowBatch, scores: Scores): readonly DeadLetter[] {
  const { split, firstRow, lines, rejected } = batch.origin;
  const failed = scores.failures.map(({ row, reason, attempts }): DeadLetter => {
    const record = batch.row(row);
    return {
      kind: 'failed',
      split,
      row: firstRow + row,
      line: lines?.[row] ?? null,
      reason,
      attempts,
      bytes: record.slice(0, Math.min(record.length - 1, REJECTED_BYTES)),
    };
  });
  const skipped = rejected.map(
    ({ line, reason, bytes }): DeadLetter => ({ kind: 'skipped', split, row: null, line, reason, attempts: 0, bytes }),
  );
  return [...failed, ...skipped].toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
}
