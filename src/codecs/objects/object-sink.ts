import { createHash } from 'node:crypto';
import { SluiceError } from '../../core/error.ts';
import { canonicalJson, type Json } from '../../core/json.ts';
import {
  assertSameJob,
  freshLedger,
  type JobIdentity,
  type Ledger,
  ledgerAfter,
  type Manifest,
  type ManifestObject,
} from '../../core/ledger.ts';
import type { ObjectStore, StagedOutput } from '../../core/object-store.ts';
import { columnNames, type Schema } from '../../core/schema.ts';
import { outputRows, type ScoredBatch } from '../../core/scored-batch.ts';
import type { ManifestFacts, Sink } from '../../core/sink.ts';
import type { ObjectWriter } from '../object-format.ts';
import { deadLetterLine } from './dead-letter-line.ts';
import { HashedObject, type HeldFacts } from './hashed-object.ts';
import { RowBlocks } from './row-blocks.ts';

export interface ObjectSinkOptions {
  readonly store: ObjectStore;
  readonly key: string;
  /** Made for this output alone. */
  readonly writer: ObjectWriter;
  /** Replace an existing output and throw away an interrupted run. */
  readonly overwrite: boolean;
}

/** The sink for outputs that are objects (files, S3), whatever store keeps them. */
export function createObjectSink(options: ObjectSinkOptions): Sink {
  const sink = new ObjectSink(options);
  return {
    guarantee: 'exactly-once',
    check: async (signal) => options.store.checkOutput?.(options.key, { overwrite: options.overwrite }, signal),
    open: (job, signal) => sink.open(job, signal),
    write: (batch, schema, signal) => sink.write(batch, schema, signal),
    commit: (signal) => sink.commit(signal),
    publish: (facts, schema, signal) => sink.publish(facts, schema, signal),
    discard: () => sink.discard(),
    close: () => sink.close(),
    [Symbol.asyncDispose]: () => sink.close(),
  };
}

interface Holds extends Readonly<Record<'rows' | 'deadLetters', HeldFacts>> {
  /** What the writer goes on with; left out where that is null. */
  readonly format?: Json;
}

/** What is open between `open` and `close`. */
interface OpenOutput {
  readonly staged: StagedOutput;
  readonly rows: HashedObject;
  readonly blocks: RowBlocks;
  readonly deadLetters: HashedObject;
}

class ObjectSink {
  readonly #options: ObjectSinkOptions;
  #output: OpenOutput | undefined;
  /** Everything accepted so far. */
  #accepted: Ledger | undefined;
  /** The last state that may be committed: that at the end of the last block. */
  #committable: Ledger | undefined;
  #durable: Ledger | undefined;
  /** The dead letters of rows of the open block, which must not come before them. */
  #letters: Uint8Array[] = [];
  #letterLines = 0;

  constructor(options: ObjectSinkOptions) {
    this.#options = options;
  }

  async open(job: JobIdentity, signal: AbortSignal): Promise<Ledger | null> {
    const { store, key, writer, overwrite } = this.#options;
    const staged = await store.stage(key, { overwrite }, signal);
    const rows = new HashedObject(staged, 'rows');
    const deadLetters = new HashedObject(staged, 'deadLetters');
    const found = staged.found === null ? null : (staged.found.note as unknown as Ledger);
    const holds = found === null ? null : (found.holds as unknown as Holds);
    this.#output = { staged, rows, blocks: new RowBlocks(writer, rows, holds?.format ?? null), deadLetters };
    if (found !== null && holds !== null) {
      assertSameJob(found.job, job, store.name(key));
      await rows.continue(holds.rows, store.name(key), signal);
      await deadLetters.continue(holds.deadLetters, store.name(key), signal);
    }
    const ledger = found ?? freshLedger(job);
    this.#accepted = ledger;
    this.#committable = ledger;
    this.#durable = ledger;
    return found;
  }

  async write(batch: ScoredBatch, schema: Schema, signal: AbortSignal): Promise<void> {
    const { blocks } = this.#open;
    const before = this.#accepted!;
    if (before.columns === null) await this.#begin(schema, signal);
    const closed = await blocks.add(batch.output, signal);
    if (batch.deadLetters.length > 0) {
      const lines = batch.deadLetters.map((letter) => deadLetterLine(letter, outputRows(before.tally)));
      this.#letters.push(Buffer.from(lines.join('')));
      this.#letterLines += batch.deadLetters.length;
    }
    this.#accepted = ledgerAfter(before, batch, columnNames(schema));
    if (closed) await this.#settle(signal);
  }

  async commit(signal: AbortSignal): Promise<Ledger> {
    const { staged, rows, blocks, deadLetters } = this.#open;
    const committable = this.#committable!;
    if (committable.sequence === this.#durable!.sequence) return this.#durable!;
    await rows.flush(signal);
    await deadLetters.flush(signal);
    const { state } = blocks;
    const holds: Holds = {
      rows: rows.held,
      deadLetters: deadLetters.held,
      ...(state === null ? {} : { format: state }),
    };
    const ledger: Ledger = { ...committable, holds: holds as unknown as Json };
    await staged.commit(ledger as unknown as Json, signal);
    this.#durable = ledger;
    return ledger;
  }

  async publish(facts: ManifestFacts, schema: Schema, signal: AbortSignal): Promise<Manifest> {
    const { staged, rows, blocks, deadLetters } = this.#open;
    if (this.#accepted!.columns === null) await this.#begin(schema, signal);
    await blocks.end(signal);
    await this.#settle(signal);
    await rows.flush(signal);
    await deadLetters.flush(signal);
    const objects: ManifestObject[] = [{ role: 'rows', name: staged.names.rows, ...rows.facts }];
    if (deadLetters.bytes > 0)
      objects.push({ role: 'deadLetters', name: staged.names.deadLetters, ...deadLetters.facts });
    const manifest: Manifest = { ...facts, columns: columnNames(schema), objects };
    await staged.publish(manifest as unknown as Json, signal);
    return manifest;
  }

  async discard(): Promise<void> {
    await this.#output?.staged.discard();
  }

  async close(): Promise<void> {
    const output = this.#output;
    this.#output = undefined;
    await output?.staged.close();
  }

  get #open(): OpenOutput {
    if (this.#output === undefined)
      throw new SluiceError('CONTRACT_BROKEN', 'the output is used before it was opened, or after it was closed');
    return this.#output;
  }

  async #begin(schema: Schema, signal: AbortSignal): Promise<void> {
    const seed = createHash('sha256').update(canonicalJson(this.#accepted!.job)).digest('hex');
    await this.#open.blocks.begin(schema, seed, signal);
  }

  /** Everything accepted may be committed from here on. */
  async #settle(signal: AbortSignal): Promise<void> {
    for (const letters of this.#letters.splice(0)) await this.#open.deadLetters.append(letters, 0, signal);
    await this.#open.deadLetters.append(new Uint8Array(0), this.#letterLines, signal);
    this.#letterLines = 0;
    this.#committable = this.#accepted;
  }
}
