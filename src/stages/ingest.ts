import type { BatchLimits } from '../core/batch-limits.ts';
import { findSluiceError, SluiceError } from '../core/error.ts';
import { canonicalJson, sameJson } from '../core/json.ts';
import type { LinkWriter } from '../core/link.ts';
import type { IntakePosition, Position } from '../core/position.ts';
import type { RowBatch } from '../core/row-batch.ts';
import { columnNames, type Schema, sameColumns } from '../core/schema.ts';
import type { Source, Split } from '../core/source.ts';
import type { StageMeter } from '../core/stage-meter.ts';

export interface IngestOptions {
  readonly source: Source;
  readonly splits: readonly Split[];
  /** The rows link: batch s goes to partition s mod P. */
  readonly link: LinkWriter<RowBatch>;
  readonly partitions: number;
  /** Where reading begins. */
  readonly from: IngestPlace;
  /** What a lasting link has of the rows behind that place; nothing of it is appended again. Left out: nothing. */
  readonly held?: HeldRows;
  readonly limits: BatchLimits;
  readonly meter: StageMeter;
  /**
   * Aborting it ends the reading at the next batch. What was read goes on through the pipeline, followed by end markers that say it is
   * not all; over a lasting link it stays there, without markers, and is continued from there.
   */
  readonly stop: AbortSignal;
  /** Told of every batch: the rows read so far, from the job's beginning on. */
  readonly onRead?: (rows: number) => void;
}

/** A place in the job's order. */
export interface IngestPlace {
  /** Of the next batch. */
  readonly sequence: number;
  /** Rows before it, rejected records included. */
  readonly read: number;
  /** Where the intake continues; null at its start. */
  readonly through: IntakePosition | null;
}

/** What a lasting link has already. */
export interface HeldRows {
  /** Whether it has the batch, or the end marker, of this sequence. */
  has(sequence: number): boolean;
  hasEnd(partition: number): boolean;
}

/**
 * The ingest stage: reads the splits in order from the ledger's place on, numbers the batches, and spreads them over
 * the partitions. Ends every partition with the totals that deliver checks.
 */
export async function ingest(options: IngestOptions, signal: AbortSignal): Promise<void> {
  const { splits, link, partitions, meter, stop, held } = options;
  const { through } = options.from;
  const first = through === null ? 0 : splits.findIndex((split) => split.id === through.split);
  if (first < 0) {
    throw new SluiceError(
      'INTAKE_CHANGED',
      `the intake has no ${through?.split} any more, where the interrupted run stopped; restore it, or start anew with --overwrite`,
    );
  }
  const state = { ...options.from, schema: undefined as Schema | undefined };
  for (let partition = 0; partition < partitions; partition += 1) await link.begin(partition, state.sequence, signal);

  for (const [index, split] of splits.entries()) {
    if (index < first) continue;
    const after = index === first && through !== null ? through.after : null;
    for await (const batch of checkedBatches(options, split, after, signal)) {
      assertSameSchema(state, batch, split);
      state.read += batch.rows + batch.origin.rejected.length;
      const { sequence, read } = state;
      if (held?.has(sequence) !== true) {
        await meter.time('output', () =>
          link.append(sequence % partitions, { kind: 'batch', sequence, value: batch, read }, signal),
        );
      }
      state.sequence += 1;
      options.onRead?.(read);
      if (stop.aborted) break;
    }
    if (stop.aborted) break;
  }

  const complete = !stop.aborted;
  if (complete && state.read === 0) {
    throw new SluiceError(
      'INTAKE_EMPTY',
      `${splits.map((split) => split.id).join(', ')}: a header but no rows; check that the right file was given and that it was written completely`,
    );
  }
  const { sequence, read } = state;
  for (let partition = 0; partition < partitions; partition += 1) {
    const leftOpen = held !== undefined && !complete;
    if (!leftOpen && held?.hasEnd(partition) !== true)
      await link.append(partition, { kind: 'end', sequence, read, complete }, signal);
    await link.end(partition, signal);
  }
}

const ENDED = { done: true, value: undefined } as const;

/** The batches of a split; each must start where the one before it ended, or rows were lost or doubled. */
async function* checkedBatches(
  options: IngestOptions,
  split: Split,
  after: Position | null,
  signal: AbortSignal,
): AsyncGenerator<RowBatch> {
  const { source, limits, meter, stop } = options;
  const batches = source.read(split, after, limits, signal)[Symbol.asyncIterator]();
  let expected = after;
  try {
    for (;;) {
      const next = await meter
        .time('input', () => batches.next())
        .catch((error: unknown) => {
          // Told to stop, a source need not wait on for what may never come. What it gave before that goes its way.
          if (stop.aborted && findSluiceError(error)?.code === 'JOB_INTERRUPTED') return ENDED;
          throw error;
        });
      if (next.done === true) return;
      const { origin } = next.value;
      if (!sameJson(origin.after, expected)) {
        throw new SluiceError(
          'CONTRACT_BROKEN',
          `${split.id}: a batch starts at ${canonicalJson(origin.after)} where the one before it ended at ${canonicalJson(expected)}`,
        );
      }
      expected = origin.position;
      yield next.value;
    }
  } finally {
    await batches.return?.();
  }
}

function assertSameSchema(state: { schema: Schema | undefined }, batch: RowBatch, split: Split): void {
  // A batch whose records are all rejected may not know the columns.
  if (batch.rows === 0) return;
  state.schema ??= batch.schema;
  if (sameColumns(state.schema, batch.schema)) return;
  const { envelopes } = batch.origin;
  if (envelopes !== undefined) {
    const known = new Set(columnNames(state.schema));
    const fresh = columnNames(batch.schema).filter((name) => !known.has(name));
    const what =
      fresh.length > 0
        ? `brings the ${fresh.length > 1 ? 'columns' : 'column'} ${fresh.join(', ')}`
        : 'has other columns';
    throw new SluiceError(
      'MESSAGE_SCHEMA',
      `${split.id}: the message at offset ${envelopes[0]?.offset} ${what}, where those before it had ${[...known].join(', ')}; ` +
        'a replay has the same columns from its beginning on: name them all in intakeSettings.columns',
    );
  }
  throw new SluiceError(
    'CSV_HEADER',
    `${split.id} has other columns than the splits before it; give files of one form to one job`,
  );
}
