import type { Clock } from '../core/clock.ts';
import { SluiceError } from '../core/error.ts';
import type { FinishedRequest } from '../core/finished-request.ts';
import { intakeAfter, type Ledger, modelsAfter } from '../core/ledger.ts';
import type { EndMarker, LinkReader } from '../core/link.ts';
import { addStatistics } from '../core/merge-statistics.ts';
import { type ModelIdentity, type ModelRows, modelText, sameModel } from '../core/model.ts';
import { ROWLESS_SCHEMA } from '../core/output-format.ts';
import { type Schema, schemaOf } from '../core/schema.ts';
import { addTally, EMPTY_TALLY, type OutputRows, type ScoredBatch, type Tally } from '../core/scored-batch.ts';
import type { Sink } from '../core/sink.ts';
import type { StageMeter } from '../core/stage-meter.ts';
import type { Statistics } from '../core/statistics.ts';
import type { FailureBudget } from './failure-budget.ts';
import type { OutputFormatSlot } from './output-format-slot.ts';

/** How much may be lost to a crash, that is, done again: a commit comes at whichever is reached first. */
export interface CommitPolicy {
  /** Milliseconds between commits. */
  readonly everyMs: number;
  /** Output bytes between commits. */
  readonly everyBytes: number;
}

export interface DeliverOptions {
  readonly scored: LinkReader<ScoredBatch>;
  readonly partitions: number;
  readonly sink: Sink;
  readonly format: OutputFormatSlot;
  /** What the output held when it was opened; null for a fresh start. */
  readonly ledger: Ledger | null;
  readonly failures: FailureBudget;
  /** Whether rows of several models may be in the output. */
  readonly mixesModels: boolean;
  readonly commits: CommitPolicy;
  readonly clock: Clock;
  readonly meter: StageMeter;
  /**
   * Over a lasting link: aborting it ends the delivery with what is written; what is in the link stays there. A link that does not
   * last is drained to its end markers instead.
   */
  readonly stop?: AbortSignal | undefined;
  /** Told of every batch that the sink accepted, with the job's totals so far. */
  readonly onDelivered: (tally: Tally, statistics: Statistics | undefined) => void;
  /** Told of requests that were made elsewhere, when their batch is delivered. */
  readonly onRequest?: ((request: FinishedRequest) => void) | undefined;
}

/** What deliver saw at the end of the links. */
export interface Delivered {
  readonly tally: Tally;
  readonly intakeBytes: number;
  /** As a ledger has it: what a sink has committed may end before the last rows. */
  readonly models: readonly ModelRows[] | undefined;
  /** The same of `Ledger.intake`. */
  readonly failedIntake: Ledger['intake'] | undefined;
  /** Only where the job is monitored. */
  readonly statistics: Statistics | undefined;
  /** The output's columns, also when no row was scored. */
  readonly schema: Schema;
  readonly ledger: Ledger;
  /** False: the job was stopped before the end of its intake, and can be continued. */
  readonly complete: boolean;
}

/** Rows that are held because no reply has shown the columns yet; beyond this the job cannot know its header. */
const HELD_BYTES = 256 * 1024 * 1024;

/** The state of one delivery: order, totals, rows held back, commits. */
export class Delivery {
  readonly #options: DeliverOptions;
  readonly #held: ScoredBatch[] = [];
  #heldBytes = 0;
  #sequence: number;
  #schema: Schema | null;
  #intake: Schema | undefined;
  #tally: Tally;
  #intakeBytes: number;
  #badBytes: number;
  #model: ModelIdentity | null;
  #models: readonly ModelRows[] | undefined;
  #failedIntake: Ledger['intake'] | undefined;
  #statistics: Statistics | undefined;
  #bytesSinceCommit = 0;
  #lastCommit: number;

  constructor(options: DeliverOptions) {
    const { ledger, clock } = options;
    this.#options = options;
    this.#sequence = ledger?.sequence ?? 0;
    this.#schema = ledger?.columns ? schemaOf(ledger.columns) : null;
    this.#tally = ledger?.tally ?? EMPTY_TALLY;
    this.#intakeBytes = ledger?.intakeBytes ?? 0;
    this.#badBytes = ledger?.badBytes ?? 0;
    this.#model = ledger?.model ?? null;
    this.#models = ledger?.models;
    this.#failedIntake = ledger?.intake;
    this.#statistics = ledger?.statistics;
    this.#lastCommit = clock.now();
  }

  /** The sequence that comes next. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Whether a batch is the next one; false for one that is durable already, which a restarted scorer may send again. */
  isNext(sequence: number): boolean {
    if (sequence > this.#sequence) {
      throw new SluiceError(
        'CONTRACT_BROKEN',
        `batch ${sequence} came where batch ${this.#sequence} was expected: rows are missing between them`,
      );
    }
    return sequence === this.#sequence;
  }

  async accept(batch: ScoredBatch, signal: AbortSignal): Promise<void> {
    this.#assertSameModel(batch);
    this.#sequence += 1;
    this.#models = modelsAfter({ models: this.#models, model: this.#model, tally: this.#tally }, batch);
    this.#model ??= batch.model;
    this.#failedIntake = intakeAfter(this.#failedIntake, batch);
    this.#tally = addTally(this.#tally, batch.tally);
    this.#intakeBytes += batch.intakeBytes;
    this.#badBytes += batch.badBytes;
    this.#statistics = addStatistics(this.#statistics, batch.statistics);
    this.#schema ??= batch.output.schema;
    if (batch.intake.columns.length > 0) this.#intake ??= batch.intake;
    if (this.#schema === null) this.#hold(batch);
    else {
      await this.#release(this.#schema, signal);
      await this.#write(batch, this.#schema, signal);
    }
    this.#options.onDelivered(this.#tally, this.#statistics);
    for (const request of batch.requests ?? []) this.#options.onRequest?.(request);
    // After the write, so that the dead letters that say why are there to be read.
    this.#options.failures.check(batch, this.#tally, this.#badBytes);
  }

  commitIsDue(): boolean {
    return this.#bytesSinceCommit >= this.#options.commits.everyBytes || this.commitDueMs <= 0;
  }

  /** How long what was written may still wait for its commit, in milliseconds; infinitely long where there is nothing to commit. */
  get commitDueMs(): number {
    const { commits, clock } = this.#options;
    return this.#bytesSinceCommit === 0 ? Number.POSITIVE_INFINITY : commits.everyMs - (clock.now() - this.#lastCommit);
  }

  async commit(signal: AbortSignal): Promise<Ledger> {
    const { sink, meter, clock } = this.#options;
    const ledger = await meter.time('output', () => sink.commit(signal));
    this.#bytesSinceCommit = 0;
    this.#lastCommit = clock.now();
    return ledger;
  }

  async end(markers: readonly EndMarker[], signal: AbortSignal): Promise<Delivered> {
    for (const marker of markers) {
      if (marker.sequence !== this.#sequence || marker.read !== this.#tally.read) {
        throw new SluiceError(
          'CONTRACT_BROKEN',
          `${this.#sequence} batches with ${this.#tally.read} rows were delivered where ${marker.sequence} with ${marker.read} were read`,
        );
      }
    }
    const complete = markers.every((marker) => marker.complete);
    if (complete) this.#options.failures.checkEnd(this.#tally);
    const schema = this.#schema ?? (complete ? this.#unscoredSchema() : { columns: [] });
    // A stopped job that has scored nothing keeps nothing: its held rows are read again.
    if (complete || this.#schema !== null) await this.#release(schema, signal);
    const ledger = await this.commit(signal);
    return {
      tally: this.#tally,
      intakeBytes: this.#intakeBytes,
      statistics: this.#statistics,
      models: this.#models,
      failedIntake: this.#failedIntake,
      schema,
      ledger,
      complete,
    };
  }

  /** Stopped before the end: what was written becomes durable, held rows come again. */
  async leave(signal: AbortSignal): Promise<Delivered> {
    const ledger = await this.commit(signal);
    const schema = this.#schema ?? { columns: [] };
    const { tally, intakeBytes, statistics, models, intake: failedIntake } = ledger;
    return { tally, intakeBytes, statistics, models, failedIntake, schema, ledger, complete: false };
  }

  /** Each process of the score stage holds to one model; that it is the same in all of them is seen here. */
  #assertSameModel({ model }: ScoredBatch): void {
    if (this.#options.mixesModels || model === null || this.#model === null || sameModel(model, this.#model)) return;
    throw new SluiceError(
      'MODEL_CHANGED',
      `A batch was scored with model ${modelText(model)}, but the rows before it with ${modelText(this.#model)}. ` +
        'Name the one that is meant in pinnedModelId, and start anew with --overwrite.',
    );
  }

  #unscoredSchema(): Schema {
    if (this.#tally.read === 0)
      throw new SluiceError('CONTRACT_BROKEN', 'a job ended complete before any of its rows was delivered');
    return this.#intake === undefined ? ROWLESS_SCHEMA : this.#options.format.for(this.#intake).unscoredSchema();
  }

  #hold(batch: ScoredBatch): void {
    this.#held.push(batch);
    this.#heldBytes += batch.output.bytes.length;
    if (this.#heldBytes > HELD_BYTES) {
      throw new SluiceError(
        'TOO_MANY_FAILURES',
        `none of the first ${this.#tally.read} rows could be scored, so the output's columns are not known; look at the first dead letter: ${batch.deadLetters[0]?.reason ?? ''}`,
      );
    }
  }

  async #release(schema: Schema, signal: AbortSignal): Promise<void> {
    for (const batch of this.#held.splice(0)) await this.#write(batch, schema, signal);
  }

  async #write(batch: ScoredBatch, schema: Schema, signal: AbortSignal): Promise<void> {
    const { sink, format, meter } = this.#options;
    const output = completed(batch, schema, format);
    await meter.time('output', () => sink.write({ ...batch, output }, schema, signal));
    this.#bytesSinceCommit += output.bytes.length;
  }
}

/** A batch without rows has nothing to complete, and may not know the columns. */
function completed({ output, intake }: ScoredBatch, schema: Schema, format: DeliverOptions['format']): OutputRows {
  if (output.schema !== null) return output;
  return output.ends.length === 0 ? { ...output, schema } : format.for(intake).complete(output, schema);
}
