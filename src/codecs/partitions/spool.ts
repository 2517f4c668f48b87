import { createHash } from 'node:crypto';
import { findSluiceError, SluiceError } from '../../core/error.ts';
import { canonicalJson, type Json, sameJson } from '../../core/json.ts';
import type { Manifest, ManifestObject } from '../../core/ledger.ts';
import type { StagedOutput } from '../../core/object-store.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import { columnNames, type Schema } from '../../core/schema.ts';
import { createReaders } from '../formats.ts';
import { treeChecksum, wholeChecksum } from '../objects/checksum.ts';
import { HashedObject } from '../objects/hashed-object.ts';
import { readManifest } from '../objects/read-manifest.ts';
import { storedObject } from '../objects/stored-object.ts';
import type { ParquetCompression } from '../parquet/packing.ts';
import { DIVIDING_LIMITS, dividedRows } from './divided-rows.ts';
import { type EncodedFile, encodePartitionFile, partitionFileName } from './partition-file.ts';
import { PartitionKeys } from './partition-keys.ts';
import type { PartitionedSinkOptions } from './partitioned-options.ts';

const LIMITS = { rows: 100_000, bytes: 4 * 1024 * 1024, lingerMs: Number.POSITIVE_INFINITY };

/** What the rows are divided by, and what their files are. */
export interface Division {
  readonly partitionColumns: readonly string[];
  readonly compression: ParquetCompression;
  readonly columns: Schema['columns'];
}

/** One file that the rows become. */
export interface SpooledFile {
  /** Relative to the folder of the output. */
  readonly name: string;
  encode(): Promise<EncodedFile>;
}

/** The hidden object that holds all rows of a partitioned output until they are divided, once it is whole. */
export class Spool {
  readonly #options: PartitionedSinkOptions;
  readonly #key: string;
  #manifest: Manifest | null = null;

  constructor(options: PartitionedSinkOptions, key: string) {
    this.#options = options;
    this.#key = key;
  }

  /** Whether all rows are in it; completes it when a run died within the step that makes it so. */
  async isWhole(signal: AbortSignal): Promise<boolean> {
    const { spoolStore: store } = this.#options;
    const { isThere, run } = await store.look(this.#key, signal);
    if (run === null || (!isThere && run.state !== 'publishing')) return isThere;
    try {
      await (await store.stage(this.#key, { overwrite: false }, signal)).close();
      return false;
    } catch (error) {
      if (findSluiceError(error)?.code === 'OUTPUT_EXISTS') return true;
      throw error;
    }
  }

  /** What it holds, as it was published. */
  async manifest(signal: AbortSignal): Promise<Manifest> {
    const { spoolStore: store } = this.#options;
    const { manifest } = await store.look(this.#key, signal);
    this.#manifest ??= await readManifest(store, manifest, signal);
    if (this.#manifest === null) throw this.#broken('has no manifest that can be read');
    return this.#manifest;
  }

  /**
   * The files that the rows become, the same each time. Their names are of these rows and this run alone, so that no file of another output is ever
   * written over. Throws LEDGER_BROKEN when the rows are not those that were written.
   */
  async *files(
    { partitionColumns, compression, columns }: Division,
    signal: AbortSignal,
  ): AsyncGenerator<SpooledFile, void> {
    const { prefix, nearest, clock, limits = DIVIDING_LIMITS } = this.#options;
    const manifest = await this.manifest(signal);
    const tag = createHash('sha256')
      .update(canonicalJson(manifest as unknown as Json))
      .digest('hex')
      .slice(0, 8);
    const keys = new PartitionKeys({ partitionColumns, prefix, nearest, columns: columnNames({ columns }) });
    const schema = { columns: keys.kept.map((i) => columns[i]!) };
    const batches = this.#batches(manifest, signal);
    for await (const file of dividedRows(batches, keys, columns.length, limits)) {
      yield {
        name: partitionFileName(file, tag),
        encode: () => encodePartitionFile(file, schema, { compression, clock }),
      };
    }
  }

  /** Copies the dead letters into the output; null when there are none. */
  async copyLetters(staged: StagedOutput, signal: AbortSignal): Promise<ManifestObject | null> {
    const { spoolStore: store } = this.#options;
    const { objects } = await this.manifest(signal);
    const letters = objects.find(({ role }) => role === 'deadLetters');
    if (letters === undefined) return null;
    const state = await store.look(this.#key, signal);
    const copy = new HashedObject(staged, 'deadLetters');
    for await (const chunk of store.read(state.keyOf(letters.name), 0, signal)) await copy.append(chunk, 0, signal);
    await copy.append(new Uint8Array(0), letters.records, signal);
    await copy.flush(signal);
    if (copy.bytes !== letters.bytes) throw this.#broken('has other dead letters than its manifest says');
    return { role: 'deadLetters', name: staged.names.deadLetters, ...copy.facts };
  }

  /** Removes it with all that stands beside it. The rows go first: without them the rest counts as nothing. */
  async remove(signal: AbortSignal): Promise<void> {
    const { spoolStore: store } = this.#options;
    this.#manifest = null;
    for (const ending of ['', '.manifest.json', '.dead.jsonl']) await store.remove(`${this.#key}${ending}`, signal);
  }

  async *#batches(manifest: Manifest, signal: AbortSignal): AsyncGenerator<RowBatch, void> {
    const { spoolStore: store, clock } = this.#options;
    const wanted = manifest.objects.find(({ role }) => role === 'rows');
    if (wanted === undefined || 'sha256Chain' in wanted) throw this.#broken('has no rows');
    // A job that read nothing may not even know its columns.
    if (wanted.records === 0) return;
    const [info] = await store.list(this.#key, signal);
    const hash = 'sha256' in wanted ? wholeChecksum() : treeChecksum(undefined);
    const stored = storedObject(store, info!, 'none');
    const object = {
      ...stored,
      async *read(offset: number, stop: AbortSignal): AsyncGenerator<Uint8Array, void> {
        for await (const chunk of stored.read(offset, stop)) {
          hash.update(chunk);
          yield chunk;
        }
      },
    };
    const readers = createReaders({ format: 'csv' }, { clock });
    const reader = await readers.for(object.name, async () => new Uint8Array(0));
    let records = 0;
    // CSV is one part, and knows it without a look.
    for (const part of await reader.parts(stored, signal)) {
      const toRead = { part, split: object.name, after: null, schema: null, limits: LIMITS };
      for await (const batch of reader.read(object, toRead, signal)) {
        records += batch.rows;
        yield batch;
      }
    }
    const digest = 'sha256' in wanted ? { sha256: wanted.sha256 } : { sha256Tree: wanted.sha256Tree };
    if (records !== wanted.records || !sameJson(hash.digest(), digest)) throw this.#broken('was changed');
  }

  #broken(what: string): SluiceError {
    return new SluiceError(
      'LEDGER_BROKEN',
      `${this.#options.spoolStore.name(this.#key)}, which holds the rows of the unfinished output, ${what}. Restore it, or start anew with --overwrite.`,
    );
  }
}
