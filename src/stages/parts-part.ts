import { SluiceError } from '../core/error.ts';
import { freshLedger, type Ledger, ledgerAfter, type Manifest } from '../core/ledger.ts';
import type { IntakePosition } from '../core/position.ts';
import { columnNames, type Schema, sameColumns, schemaOf } from '../core/schema.ts';
import type { OutputRows, ScoredBatch } from '../core/scored-batch.ts';
import type { Sink } from '../core/sink.ts';
import { partIdentity } from './parts-manifest.ts';
import type { PartsOptions } from './parts-options.ts';

/** One part of a split under way: a sink with its own ledger, in which batches count from 0 and offsets stand in `through`. */
export class Part {
  readonly from: number;
  readonly #options: PartsOptions;
  readonly #split: string;
  readonly #sink: Sink;
  /** Everything accepted so far. */
  #ledger: Ledger;
  #schema: Schema | null;
  #rows: number;
  #bytes: number;
  #uncommitted = 0;
  #lastCommit: number;

  private constructor(options: PartsOptions, split: string, from: number, sink: Sink, found: Ledger | null) {
    const ledger = found ?? freshLedger(partIdentity(options.job, split, from));
    this.from = from;
    this.#options = options;
    this.#split = split;
    this.#sink = sink;
    this.#ledger = ledger;
    this.#schema = ledger.columns === null ? null : schemaOf(ledger.columns);
    this.#rows = ledger.tally.scored + ledger.tally.failed;
    this.#bytes = ledger.intakeBytes;
    this.#lastCommit = options.clock.now();
  }

  /** Opens the part that begins at `from`, fresh or as an interrupted holder left it. Errors as of `Sink.open`. */
  static async open(options: PartsOptions, split: string, from: number, signal: AbortSignal): Promise<Part> {
    const sink = options.openPart(split, from);
    try {
      const found = await sink.open(partIdentity(options.job, split, from), signal);
      const part = new Part(options, split, from, sink, found);
      if (part.through < from)
        throw new SluiceError('LEDGER_BROKEN', `the part of ${split} from ${from} on ends at ${part.through}`);
      return part;
    } catch (error) {
      await sink.close().catch(() => undefined);
      throw error;
    }
  }

  /** The offset that comes next. */
  get through(): number {
    const { through } = this.#ledger;
    return through === null ? this.from : offsetOf(through);
  }

  /** Whether it holds a row or a dead letter: only then there is anything to publish. */
  get hasContent(): boolean {
    return this.#ledger.tally.read > 0;
  }

  get isFull(): boolean {
    const { rows, bytes } = this.#options.roll;
    return this.#rows >= rows || this.#bytes >= bytes;
  }

  /** The columns, once a batch was written. */
  get schema(): Schema | null {
    return this.#schema;
  }

  /** Whether rows of these columns may stand in it. */
  takes(schema: Schema): boolean {
    return this.#schema === null || sameColumns(this.#schema, schema);
  }

  /** Accepts a batch, and commits when that is due. */
  async write(batch: ScoredBatch, schema: Schema, signal: AbortSignal): Promise<void> {
    const output = this.#completed(batch, schema);
    const rows = output.ends.length;
    // A sink may give the bytes back while it writes.
    const bytes = output.bytes.length;
    const renumbered = { ...batch, sequence: this.#ledger.sequence, output };
    await this.#sink.write(renumbered, schema, signal);
    this.#ledger = ledgerAfter(this.#ledger, renumbered, columnNames(schema));
    this.#schema = schema;
    this.#rows += rows;
    this.#bytes += bytes;
    this.#uncommitted += bytes;
    if (this.#commitIsDue()) await this.commit(signal);
  }

  async commit(signal: AbortSignal): Promise<void> {
    await this.#sink.commit(signal);
    this.#uncommitted = 0;
    this.#lastCommit = this.#options.clock.now();
  }

  /** Makes the part visible. When this fails, the ledger has its rows all the same. */
  async publish(signal: AbortSignal): Promise<Manifest> {
    if (this.#schema === null)
      throw new SluiceError('CONTRACT_BROKEN', `the part of ${this.#split} from ${this.from} on has no columns`);
    await this.commit(signal);
    const { job, tally, model, models, intakeBytes, intake, statistics } = this.#ledger;
    const facts = {
      version: 1 as const,
      job: { ...job, through: this.through },
      tally,
      model,
      ...(models === undefined ? {} : { models }),
      intakeBytes,
      ...(statistics === undefined ? {} : { statistics }),
      ...(intake === undefined ? {} : { intake }),
      finished: new Date(this.#options.clock.wall()).toISOString(),
    };
    return this.#sink.publish(facts, this.#schema, signal);
  }

  discard(): Promise<void> {
    return this.#sink.discard();
  }

  close(): Promise<void> {
    return this.#sink.close();
  }

  #completed(batch: ScoredBatch, schema: Schema): OutputRows {
    const { output, intake } = batch;
    if (output.schema !== null && sameColumns(output.schema, schema)) return output;
    // Dead letters alone go with whatever columns the part has.
    if (output.ends.length === 0) return { schema, bytes: output.bytes.subarray(0, 0), ends: output.ends };
    return this.#options.format.for(intake).complete(output, schema);
  }

  #commitIsDue(): boolean {
    const { everyBytes, everyMs } = this.#options.commits;
    return this.#uncommitted >= everyBytes || this.#options.clock.now() - this.#lastCommit >= everyMs;
  }
}

/** The offset in a position of a topic. */
export function offsetOf(position: IntakePosition): number {
  const { split, after } = position;
  if (typeof after === 'number' && Number.isSafeInteger(after) && after >= 0) return after;
  throw new SluiceError(
    'CONTRACT_BROKEN',
    `the position of a batch of ${split} is no offset: ${JSON.stringify(after)}`,
  );
}
