import type { Codec } from '../../core/codec.ts';
import { SluiceError } from '../../core/error.ts';
import type { Json } from '../../core/json.ts';
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
import type { ScoredBatch } from '../../core/scored-batch.ts';
import type { ManifestFacts, Sink } from '../../core/sink.ts';
import { type Compression, compressMember } from '../compression.ts';
import { deadLetterLine } from './dead-letter-line.ts';
import { HashedObject, type HeldFacts } from './hashed-object.ts';

export interface ObjectSinkOptions {
  readonly store: ObjectStore;
  readonly key: string;
  readonly codec: Codec;
  readonly compression: Compression;
  /** Replace an existing output and throw away an interrupted run. */
  readonly overwrite: boolean;
}

/**
 * A compressed output is a row of members (gzip) or frames (zstd), each closed at the first end of a batch after so many
 * bytes. That depends on the batches alone, never on time or commits, so that the same job gives the same bytes.
 */
const MEMBER_BYTES = 4 * 1024 * 1024;

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

type Holds = Readonly<Record<'rows' | 'deadLetters', HeldFacts>>;

/** What is open between `open` and `close`. */
interface OpenOutput {
  readonly staged: StagedOutput;
  readonly rows: HashedObject;
  readonly deadLetters: HashedObject;
}

class ObjectSink {
  readonly #options: ObjectSinkOptions;
  #output: OpenOutput | undefined;
  /** Everything accepted so far. */
  #accepted: Ledger | undefined;
  /** The last state that may be committed: for compressed outputs that at the end of the last member. */
  #committable: Ledger | undefined;
  #durable: Ledger | undefined;
  /** The open member of a compressed output, and the dead letters of its rows, which must not come before them. */
  #member: Uint8Array[] = [];
  #memberBytes = 0;
  #memberRows = 0;
  #memberLetters: Uint8Array[] = [];
  #memberLetterLines = 0;

  constructor(options: ObjectSinkOptions) {
    this.#options = options;
  }

  async open(job: JobIdentity, signal: AbortSignal): Promise<Ledger | null> {
    const { store, key, overwrite } = this.#options;
    const staged = await store.stage(key, { overwrite }, signal);
    const output = {
      staged,
      rows: new HashedObject(staged, 'rows'),
      deadLetters: new HashedObject(staged, 'deadLetters'),
    };
    this.#output = output;
    const found = staged.found === null ? null : (staged.found.note as unknown as Ledger);
    if (found !== null) {
      assertSameJob(found.job, job, store.name(key));
      const holds = found.holds as unknown as Holds;
      await output.rows.continue(holds.rows, store.name(key), signal);
      await output.deadLetters.continue(holds.deadLetters, store.name(key), signal);
    }
    const ledger = found ?? freshLedger(job);
    this.#accepted = ledger;
    this.#committable = ledger;
    this.#durable = ledger;
    return found;
  }

  async write(batch: ScoredBatch, schema: Schema, signal: AbortSignal): Promise<void> {
    const { codec, compression } = this.#options;
    const { rows } = this.#open;
    const before = this.#accepted!;
    const plain = compression === 'none';
    if (before.columns === null) await this.#append(codec.encodeHeader(schema), 0, signal);
    await this.#append(codec.encode(batch.output), batch.output.ends.length, signal);
    if (batch.deadLetters.length > 0) {
      this.#memberLetters.push(Buffer.from(batch.deadLetters.map(deadLetterLine).join('')));
      this.#memberLetterLines += batch.deadLetters.length;
    }
    this.#accepted = ledgerAfter(before, batch, columnNames(schema));
    // What goes out as it is was copied by now; a member still holds the bytes.
    if (plain) batch.output.release?.();
    if (plain) await this.#closeBlock(signal);
    else if (this.#memberBytes >= MEMBER_BYTES) await this.#closeMember(rows, signal);
  }

  async commit(signal: AbortSignal): Promise<Ledger> {
    const { staged, rows, deadLetters } = this.#open;
    const committable = this.#committable!;
    if (committable.sequence === this.#durable!.sequence) return this.#durable!;
    await rows.flush(signal);
    await deadLetters.flush(signal);
    const ledger: Ledger = {
      ...committable,
      holds: { rows: rows.held, deadLetters: deadLetters.held } as unknown as Json,
    };
    await staged.commit(ledger as unknown as Json, signal);
    this.#durable = ledger;
    return ledger;
  }

  async publish(facts: ManifestFacts, schema: Schema, signal: AbortSignal): Promise<Manifest> {
    const { staged, rows, deadLetters } = this.#open;
    if (this.#accepted!.columns === null) await this.#append(this.#options.codec.encodeHeader(schema), 0, signal);
    await this.#closeMember(rows, signal);
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

  async #append(bytes: Uint8Array, records: number, signal: AbortSignal): Promise<void> {
    if (this.#options.compression === 'none') {
      await this.#open.rows.append(bytes, records, signal);
      return;
    }
    this.#member.push(bytes);
    this.#memberBytes += bytes.length;
    this.#memberRows += records;
  }

  async #closeMember(rows: HashedObject, signal: AbortSignal): Promise<void> {
    if (this.#memberBytes > 0) {
      const bytes = Buffer.concat(this.#member, this.#memberBytes);
      const records = this.#memberRows;
      this.#member = [];
      this.#memberBytes = 0;
      this.#memberRows = 0;
      await rows.append(await compressMember(this.#options.compression, bytes), records, signal);
    }
    await this.#closeBlock(signal);
  }

  /** Everything accepted may be committed from here on. */
  async #closeBlock(signal: AbortSignal): Promise<void> {
    for (const letters of this.#memberLetters.splice(0)) await this.#open.deadLetters.append(letters, 0, signal);
    await this.#open.deadLetters.append(new Uint8Array(0), this.#memberLetterLines, signal);
    this.#memberLetterLines = 0;
    this.#committable = this.#accepted;
  }
}
