import { findSluiceError, messageOf, SluiceError } from '../core/error.ts';
import type { LinkRecord } from '../core/link.ts';
import { ROWLESS_SCHEMA } from '../core/output-format.ts';
import type { Schema } from '../core/schema.ts';
import type { ScoredBatch } from '../core/scored-batch.ts';
import type { PartsOptions } from './parts-options.ts';
import { offsetOf, Part } from './parts-part.ts';
import { OneAtATime } from './parts-turns.ts';

/** Held rows are few or many; each batch that is held counts for this much beside its bytes. */
const HELD_OVERHEAD = 1024;
const HELD_BYTES = 64 * 1024 * 1024;

const never = new AbortController().signal;

/** One input partition from `begin` to `end`: its sequence of parts. */
export class PartsPartition {
  readonly #options: PartsOptions;
  readonly #partition: number;
  readonly #split: string;
  readonly #turns = new OneAtATime();
  /** Cuts what runs by itself when the partition is let go at once. */
  readonly #closing = new AbortController();
  #part: Part | null;
  /** Where the current part begins, or the next one will: everything below is published. */
  #from: number;
  /** The offset that comes next. */
  #next: number;
  /** Batches whose columns nobody knows yet. */
  #held: ScoredBatch[] = [];
  #heldBytes = 0;
  #schema: Schema | null;
  #aging: AbortController | null = null;
  #failure: { readonly error: unknown } | null = null;
  #ended = false;

  constructor(options: PartsOptions, partition: number, part: Part) {
    this.#options = options;
    this.#partition = partition;
    this.#split = options.splitOf(partition);
    this.#part = part;
    this.#from = part.from;
    this.#next = part.through;
    this.#schema = part.schema;
    if (part.hasContent) this.#age(part);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The offset through the last published part. */
  get durable(): number {
    return this.#from;
  }

  /** The offset that is needed next. */
  get next(): number {
    return this.#next;
  }

  async append(record: LinkRecord<ScoredBatch>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#turns.run(async () => {
      if (this.#failure !== null) throw this.#failure.error;
      if (this.#ended) throw new SluiceError('CONTRACT_BROKEN', `${this.#split} was given up, nothing can be appended`);
      try {
        if (record.kind === 'batch') await this.#accept(record.value, signal);
        else if (record.complete) await this.#finish(signal);
      } catch (error) {
        // Nobody knows what the sink has now; what its ledger says is good.
        this.#failure = { error };
        throw error;
      }
    }, signal);
  }

  async end(signal: AbortSignal): Promise<void> {
    const cut = (): void => this.#closing.abort(signal.reason);
    if (signal.aborted) cut();
    else signal.addEventListener('abort', cut, { once: true });
    try {
      await this.#turns.run(() => this.#letGo(signal), never);
    } finally {
      signal.removeEventListener('abort', cut);
    }
  }

  async #accept(batch: ScoredBatch, signal: AbortSignal): Promise<void> {
    const through = offsetOf(batch.through);
    // A link may bring a batch twice; offsets tell.
    if (through <= this.#next) return;
    if (batch.sequence < this.#next) {
      throw new SluiceError(
        'CONTRACT_BROKEN',
        `a batch of ${this.#split} holds the offsets ${batch.sequence} to ${through}, but those below ${this.#next} were written before`,
      );
    }
    this.#next = through;
    // Nothing was read and nothing waits: the next batch with rows covers these offsets.
    if (batch.tally.read === 0 && this.#held.length === 0 && this.#part?.hasContent !== true) return;
    this.#held.push(batch);
    const schema = this.#schemaOf(batch);
    if (schema === null) this.#assertRoom(batch);
    else await this.#release(schema, signal);
  }

  /** The columns of a batch's output; null while nobody knows them. Without rows it goes with those that are there. */
  #schemaOf(batch: ScoredBatch): Schema | null {
    if (batch.output.ends.length === 0) return this.#schema ?? batch.output.schema;
    return batch.output.schema ?? this.#options.format.for(batch.intake).schema;
  }

  #assertRoom(batch: ScoredBatch): void {
    const letters = batch.deadLetters.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#heldBytes += batch.output.bytes.length + letters + HELD_OVERHEAD;
    if (this.#heldBytes <= (this.#options.heldBytes ?? HELD_BYTES)) return;
    throw new SluiceError(
      'TOO_MANY_FAILURES',
      `none of the rows of ${this.#split} from ${this.#from} to ${this.#next} could be scored, so the output's columns are not known; ` +
        `look at the first dead letter: ${this.#held.find((held) => held.deadLetters.length > 0)?.deadLetters[0]?.reason ?? ''}`,
    );
  }

  /**
   * Writes what was held. Rows of other columns than those that are known now never had a reply, and will have none: their
   * columns are those behind the predictions.
   * @param known for what has no rows.
   */
  async #release(known: Schema, signal: AbortSignal): Promise<void> {
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    for (const batch of held) {
      const rowless = batch.output.ends.length === 0;
      const schema = this.#schemaOf(batch) ?? (rowless ? known : this.#unscoredSchema(batch));
      await this.#write(batch, schema, signal);
    }
  }

  async #write(batch: ScoredBatch, schema: Schema, signal: AbortSignal): Promise<void> {
    if (this.#part?.takes(schema) === false) await this.#roll(signal);
    this.#part ??= await this.#openNext(signal);
    const part = this.#part;
    const first = !part.hasContent;
    await part.write(batch, schema, signal);
    this.#schema = schema;
    this.#options.onAccepted?.(batch);
    if (part.isFull) await this.#roll(signal);
    else if (first) this.#age(part);
  }

  /**
   * The part behind the last one. Whoever finds it taken, finished or begun was replaced: his successor followed the published parts to
   * here. Starting again at `begin` is safe.
   */
  async #openNext(signal: AbortSignal): Promise<Part> {
    const where = `the part of ${this.#split} from ${this.#from} on`;
    const again = 'this process has written nothing since; it can take the partition again';
    let part: Part;
    try {
      part = await Part.open(this.#options, this.#split, this.#from, signal);
    } catch (error) {
      const code = findSluiceError(error)?.code;
      if (code !== 'OUTPUT_LOCKED' && code !== 'OUTPUT_EXISTS') throw error;
      throw new SluiceError('KAFKA_FENCED', `somebody else has ${where} (${messageOf(error)}); ${again}`, {
        cause: error,
      });
    }
    if (part.through === this.#from) return part;
    await part.close();
    throw new SluiceError('KAFKA_FENCED', `somebody else has begun ${where}, up to ${part.through}; ${again}`);
  }

  async #roll(signal: AbortSignal): Promise<void> {
    const part = this.#part;
    if (part === null) return;
    this.#aging?.abort();
    if (part.hasContent) {
      const manifest = await part.publish(signal);
      this.#from = part.through;
      this.#options.onPublished?.({ split: this.#split, from: part.from, through: part.through, manifest });
    } else await part.discard();
    this.#part = null;
    await part.close();
  }

  /** The intake has ended: what never had a reply will have none. */
  async #finish(signal: AbortSignal): Promise<void> {
    const told =
      this.#held.find(({ output }) => output.ends.length > 0) ??
      this.#held.find(({ intake }) => intake.columns.length > 0);
    const known = told === undefined ? ROWLESS_SCHEMA : (this.#schemaOf(told) ?? this.#unscoredSchema(told));
    await this.#release(known, signal);
    await this.#roll(signal);
  }

  #unscoredSchema({ intake }: ScoredBatch): Schema {
    return this.#options.format.for(intake).unscoredSchema();
  }

  #age(part: Part): void {
    const { clock, roll, onFailure } = this.#options;
    if (roll.ms === Number.POSITIVE_INFINITY) return;
    const aging = new AbortController();
    this.#aging = aging;
    const old = async (): Promise<void> => {
      if (this.#part === part && this.#failure === null && !this.#ended) await this.#roll(this.#closing.signal);
    };
    clock.sleep(roll.ms, aging.signal).then(
      () =>
        this.#turns.run(old, never).catch((error: unknown) => {
          this.#failure = { error };
          if (!this.#closing.signal.aborted) onFailure?.(this.#partition, error);
        }),
      () => undefined,
    );
  }

  async #letGo(signal: AbortSignal): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#aging?.abort();
    // Rows that never had a reply come again: their offsets are not durable.
    this.#held = [];
    try {
      if (signal.aborted) return;
      if (this.#failure !== null) throw this.#failure.error;
      if (this.#part === null) return;
      if (this.#options.publishOnEnd === false && this.#part.hasContent) await this.#part.commit(signal);
      else await this.#roll(signal);
    } finally {
      const part = this.#part;
      this.#part = null;
      await part?.close();
    }
  }
}
