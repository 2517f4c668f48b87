import { decodeKeptRecord, encodeRecords } from '../../core/canonical-csv.ts';
import { findSluiceError, SluiceError } from '../../core/error.ts';
import type { Manifest } from '../../core/ledger.ts';
import type { ModelIdentity } from '../../core/model.ts';
import type { Observation } from '../../core/monitor.ts';
import type { OutputFormat } from '../../core/output-format.ts';
import { type BatchOrigin, REJECTED_BYTES, RowBatch } from '../../core/row-batch.ts';
import { columnNames, type Schema, sameColumns, schemaOf } from '../../core/schema.ts';
import type { KeptLetter, OutputRows } from '../../core/scored-batch.ts';
import type { Scorer } from '../../core/scorer.ts';
import { allFailed } from '../../scoring/merge-scores.ts';
import { createOutputFormat } from '../../scoring/output/output-format.ts';
import { createScorer } from '../../scoring/scorer-stack.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { outputSettingsOf, scorerSettingsOf } from '../scoring-settings.ts';
import { ReplayMonitoring } from './replay-monitoring.ts';
import { letterKey, type ReplayOptions } from './replay-options.ts';

/** A letter, and what became of its row now. */
export interface ReplayedLetter {
  /** As it was kept. */
  readonly was: KeptLetter;
  /** As it is to be kept where the row failed again: with the reason of now. */
  readonly letter: KeptLetter;
  /** Row of the output, in canonical CSV with its LF; null when the row failed again, or was not tried. */
  readonly scored: Uint8Array | null;
  /** Of a row that failed again: the row of the output as it is now. */
  readonly blank: Uint8Array | null;
  readonly model: ModelIdentity | null;
}

/** One batch of them. */
interface Replayed {
  readonly letters: readonly ReplayedLetter[];
  readonly seen: Observation;
}

export interface ReplayScoringOptions extends ReplayOptions {
  /** Whether the row of a letter can be put where it belongs. */
  readonly isPlaced: (letter: KeptLetter) => boolean;
}

const BATCH_ROWS = 5_000;
const BATCH_BYTES = 4 * 1024 * 1024;
const ORIGIN: BatchOrigin = { split: 'dead letters', firstRow: 0, after: null, position: 0, rejected: [] };

/** Scores the rows of dead letters again, with the settings of their job. */
export class ReplayScoring implements AsyncDisposable {
  readonly #job: JobDescription;
  readonly #options: ReplayScoringOptions;
  readonly #scorer: Scorer;
  readonly #columns: readonly string[];
  readonly #intake: Schema;
  readonly #format: OutputFormat;
  /** Of all letters that `score` has given. */
  readonly monitoring: ReplayMonitoring;

  private constructor(
    job: JobDescription,
    options: ReplayScoringOptions,
    scorer: Scorer,
    columns: readonly string[],
    [intake, format, monitoring]: readonly [Schema, OutputFormat, ReplayMonitoring],
  ) {
    this.#job = job;
    this.#options = options;
    this.#scorer = scorer;
    this.#columns = columns;
    this.#intake = intake;
    this.#format = format;
    this.monitoring = monitoring;
  }

  /** Asks the server what it serves. @param of the manifest of the output. */
  static async open(
    job: JobDescription,
    of: Manifest,
    options: ReplayScoringOptions,
    signal: AbortSignal,
  ): Promise<ReplayScoring> {
    const intake: Schema = { columns: of.intake ?? [] };
    const format = createOutputFormat(outputSettingsOf(job), intake);
    const settings: JobDescription = { ...job, onModelChange: options.anyModel ? 'record' : 'abort' };
    const { scorer } = createScorer(...scorerSettingsOf(settings, of), { clock: options.clock });
    try {
      await scorer.describe(signal);
      const monitoring = new ReplayMonitoring(job, of, options.clock);
      return new ReplayScoring(job, options, scorer, of.columns, [intake, format, monitoring]);
    } catch (error) {
      await scorer.close();
      throw error;
    }
  }

  /** Every letter with its outcome, in order; as many requests at once as the job has. Throws MODEL_CHANGED for another model. */
  async *score(letters: AsyncIterable<KeptLetter>, signal: AbortSignal): AsyncGenerator<ReplayedLetter, void> {
    const leaving = new AbortController();
    const working = AbortSignal.any([signal, leaving.signal]);
    const queue: Promise<Replayed>[] = [];
    const { monitoring } = this;
    const next = async (): Promise<readonly ReplayedLetter[]> => {
      const { letters, seen } = await queue.shift()!;
      await monitoring.add(seen);
      for (const { letter, scored } of letters) if (scored === null) monitoring.left(letter);
      return letters;
    };
    try {
      for await (const batch of batchesOf(letters, Math.min(this.#job.chunkRows, BATCH_ROWS))) {
        const scoring = this.#scoreBatch(batch, working);
        // It is awaited in its turn.
        scoring.catch(() => undefined);
        queue.push(scoring);
        if (queue.length >= this.#job.numConcurrent) yield* await next();
      }
      while (queue.length > 0) yield* await next();
    } finally {
      leaving.abort(new Error('nobody wants the rows any more'));
      await Promise.allSettled(queue);
    }
  }

  /** The rows that the output has for letters, as they were written when these failed. */
  blankRows(letters: readonly KeptLetter[]): OutputRows {
    const records = letters.map(({ bytes }) => decodeKeptRecord(bytes) ?? []);
    const { bytes, ends } = encodeRecords(records);
    const batch = RowBatch.fromCsv(this.#intake, ORIGIN, bytes, ends);
    const failures = letters.map(({ reason, attempts }, row) => ({ row, reason, attempts }));
    return this.#completed(this.#format.render(batch, allFailed(failures)));
  }

  /** The columns of the output as its rows are written now; null while none was scored. */
  get schema(): Schema | null {
    return this.#format.schema;
  }

  /** Rows with all columns of the output. Throws COLUMN_CONFLICT when another model gives others than it has. */
  #completed(rows: OutputRows): OutputRows {
    const known = schemaOf(this.#columns);
    if (rows.schema === null) return this.#format.complete(rows, known);
    if (sameColumns(rows.schema, known)) return rows;
    throw new SluiceError(
      'COLUMN_CONFLICT',
      `The output has the columns ${this.#columns.join(', ')}, but rows that are scored now have ${columnNames(rows.schema).join(', ')}. ` +
        'Restore the model of the output, or score it anew.',
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.monitoring.close();
    await this.#scorer.close();
  }

  async #scoreBatch(letters: readonly KeptLetter[], signal: AbortSignal): Promise<Replayed> {
    const records = letters.map((letter) => this.#recordOf(letter));
    const rows = records.filter((record) => record !== null);
    if (rows.length === 0) return { letters: letters.map(untried), seen: {} };
    const { bytes, ends } = encodeRecords(rows);
    const batch = RowBatch.fromCsv(this.#intake, ORIGIN, bytes, ends);
    const scores = await this.#scorer.score(batch, signal).catch((error: unknown) => {
      throw explained(error);
    });
    const places = letters.flatMap(({ output }, i) => (records[i] === null ? [] : [output]));
    const seen = this.monitoring.observe(batch, scores, places);
    const output = this.#completed(this.#format.render(batch, scores));
    const failures = new Map(scores.failures.map((failure) => [failure.row, failure]));
    let row = -1;
    const replayed = letters.map((was, i): ReplayedLetter => {
      if (records[i] === null) return untried(was);
      row += 1;
      const written = output.bytes.slice(row === 0 ? 0 : output.ends[row - 1], output.ends[row]);
      const failure = failures.get(row);
      if (failure === undefined) return { was, letter: was, scored: written, blank: null, model: scores.model };
      const attempts = was.attempts + failure.attempts;
      const again = { ...was, reason: failure.reason, attempts, bytes: batch.row(row).slice(0, -1) };
      return { was, letter: again, scored: null, blank: written, model: null };
    });
    return { letters: replayed, seen };
  }

  /** The fields of a row that can be scored and put back; null for what never was one, or is not kept whole. */
  #recordOf(letter: KeptLetter): readonly (string | null)[] | null {
    const { kind } = letter;
    const bytes = this.#options.mended.get(letterKey(letter)) ?? letter.bytes;
    if (kind === 'skipped' || bytes.length >= REJECTED_BYTES || !this.#options.isPlaced(letter)) return null;
    const record = decodeKeptRecord(bytes);
    return record?.length === this.#intake.columns.length ? record : null;
  }
}

function untried(letter: KeptLetter): ReplayedLetter {
  return { was: letter, letter, scored: null, blank: null, model: null };
}

async function* batchesOf(
  letters: AsyncIterable<KeptLetter>,
  rows: number,
): AsyncGenerator<readonly KeptLetter[], void> {
  let batch: KeptLetter[] = [];
  let bytes = 0;
  for await (const letter of letters) {
    batch.push(letter);
    bytes += letter.bytes.length;
    if (batch.length < rows && bytes < BATCH_BYTES) continue;
    yield batch;
    [batch, bytes] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}

function explained(error: unknown): unknown {
  const fault = findSluiceError(error);
  if (fault?.code !== 'MODEL_CHANGED') return error;
  const [what] = fault.message.split(/(?<=\.) /, 1);
  return new SluiceError(
    'MODEL_CHANGED',
    `${what} The rows of the output are of that model: restore it, or take the one of now with --allow-model-change; the manifest then names both.`,
    { cause: error },
  );
}
