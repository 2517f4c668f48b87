import { createHash } from 'node:crypto';
import { COMMA, fieldBounds, LF } from '../../core/canonical-csv.ts';
import type { DeadLetterReader } from '../../core/dead-letters.ts';
import { findSluiceError, SluiceError } from '../../core/error.ts';
import { canonicalJson, type Json } from '../../core/json.ts';
import type { Manifest, ManifestObject } from '../../core/ledger.ts';
import type { StagedOutput } from '../../core/object-store.ts';
import type { Schema } from '../../core/schema.ts';
import type { KeptLetter } from '../../core/scored-batch.ts';
import type { ManifestFacts } from '../../core/sink.ts';
import { keptLetterLine } from '../objects/dead-letter-line.ts';
import { HashedObject } from '../objects/hashed-object.ts';
import { objectLetters } from '../objects/object-letters.ts';
import { DIVIDING_LIMITS, dividedRows } from './divided-rows.ts';
import { ExchangedRows, type RowChange, schemaOfFile } from './exchanged-rows.ts';
import { dividedNote, exchangingNote, FolderMark, namesOfRows, noteOf } from './folder-mark.ts';
import { encodePartitionFile, partitionFileName, placeOfFile } from './partition-file.ts';
import { PartitionKeys } from './partition-keys.ts';
import type { PartitionedSinkOptions } from './partitioned-options.ts';
import { SeveralPuts } from './several-puts.ts';

export type FolderExchangeOptions = Omit<PartitionedSinkOptions, 'spoolStore' | 'overwrite' | 'partitionColumns'>;

/** A row of the output as it stands there, and as it is to be: canonical records with all columns, each with its LF. */
export interface ExchangedRow {
  readonly before: Uint8Array;
  readonly now: Uint8Array;
}

/** A file of rows, by its partition. */
interface FolderFile {
  readonly path: string;
  readonly number: number;
  readonly object: ManifestObject;
}

/**
 * A finished folder that is divided by columns, under way to have some of its rows exchanged. Files with such rows are put anew, under other names
 * beside those that stand; a row that belongs to another partition now goes to a further file there. The manifest is replaced when all of them are
 * there, in one step; then those of before are removed, and the mark, which was taken away before the first file was put, comes back.
 *
 * The steps: the names are noted; the mark goes; the files are put; the new manifest is noted, and from here on nothing may be taken back; the
 * manifest is replaced; files of before go; dead letters and mark are published. Who dies before `divided` is noted has done nothing: the next
 * holder removes what was noted and puts the mark back. Who dies behind that has done everything but what the next holder does.
 */
export class FolderExchange implements AsyncDisposable {
  /** As it stands. */
  readonly manifest: Manifest;
  readonly #options: FolderExchangeOptions;
  readonly #mark: FolderMark;
  readonly #staged: StagedOutput;
  readonly #letters: HashedObject;
  readonly #keys: PartitionKeys;
  readonly #bounds: Uint32Array;
  readonly #tag: string;
  #files: readonly FolderFile[];
  #schema: Schema | null = null;
  /** Names that were noted, and those of them that were put. */
  readonly #noted = new Set<string>();
  readonly #written = new Set<string>();
  #state: 'open' | 'divided' = 'open';

  private constructor(options: FolderExchangeOptions, mark: FolderMark, staged: StagedOutput, manifest: Manifest) {
    const { prefix, nearest, clock } = options;
    const { columns, partitionColumns = [] } = manifest;
    this.manifest = manifest;
    this.#options = options;
    this.#mark = mark;
    this.#staged = staged;
    this.#letters = new HashedObject(staged, 'deadLetters');
    this.#files = manifest.objects.flatMap((object) => {
      const place = object.role === 'rows' ? placeOfFile(object.name) : null;
      return place === null ? [] : [{ ...place, object }];
    });
    const paths = this.#files.map(({ path }) => path);
    this.#keys = new PartitionKeys({ partitionColumns, columns, prefix, nearest }, paths);
    this.#bounds = new Uint32Array(2 * columns.length);
    // Other rows may be scored when this one dies and is tried again: its files must not be taken for those.
    const attempt = { manifest: manifest as unknown as Json, at: clock.wall(), random: clock.random() };
    this.#tag = createHash('sha256').update(canonicalJson(attempt)).digest('hex').slice(0, 8);
  }

  /**
   * Takes the folder. What an exchange before has left is done, or taken back. Throws OUTPUT_UNWRITABLE when no output is finished there,
   * LEDGER_BROKEN, and what `ObjectStore.stage` throws.
   */
  static async open(options: FolderExchangeOptions, signal: AbortSignal): Promise<FolderExchange> {
    const mark = new FolderMark(options.store, options.prefix);
    const staged = await takeFinished(options, mark, signal);
    try {
      const manifest = await mark.standing(signal);
      if (manifest?.partitionColumns === undefined)
        throw new SluiceError(
          'LEDGER_BROKEN',
          `${options.store.name(options.prefix)} has no manifest of this version of Sluice beside its mark.`,
        );
      return new FolderExchange(options, mark, staged, manifest);
    } catch (error) {
      await staged.discard();
      await staged.close();
      throw error;
    }
  }

  /** Its dead letters, in their order. */
  letters(signal: AbortSignal): ReturnType<DeadLetterReader['read']> {
    return objectLetters(this.#options.store, this.#mark.key).read(signal);
  }

  /** A letter that stays one. To be called in the order of the letters. */
  async keep(letter: KeptLetter, signal: AbortSignal): Promise<void> {
    await this.#letters.append(Buffer.from(keptLetterLine(letter)), 1, signal);
  }

  /** Puts the files that these rows change. Throws VERIFY_FAILED when a row is not there as it was written. */
  async exchange(rows: readonly ExchangedRow[], signal: AbortSignal): Promise<void> {
    const changes = new Map<string, RowChange[]>();
    const moved: Uint8Array[] = [];
    for (const { before, now } of rows) {
      const [from, row] = this.#divided(before);
      const [to, changed] = this.#divided(now);
      const own = changes.get(from) ?? [];
      changes.set(from, own);
      own.push({ before: row, now: from === to ? changed : null });
      if (from !== to) moved.push(now);
    }
    const further = await this.#further(moved);
    await this.#note([...this.#files.filter(({ path }) => changes.has(path)), ...further], signal);
    await using puts = new SeveralPuts();
    for (const [path, own] of changes) await this.#exchangeIn(path, own, puts, signal);
    for (const file of further) this.#files = [...this.#files, await this.#put(file, file, puts, signal)];
    await puts.done();
  }

  /** Completes the output with what was put and kept. @param facts all of the manifest but what it names. */
  async finish(facts: ManifestFacts, signal: AbortSignal): Promise<Manifest> {
    await this.#letters.flush(signal);
    const objects: ManifestObject[] = this.#files.map(({ object }) => object);
    if (this.#letters.bytes > 0)
      objects.push({ role: 'deadLetters', name: this.#staged.names.deadLetters, ...this.#letters.facts });
    const { columns, partitionColumns = [] } = this.manifest;
    const names = new Set(objects.map(({ name }) => name));
    const replaced = [...namesOfRows(this.manifest), ...this.#written].filter((name) => !names.has(name));
    const manifest: Manifest = { ...facts, columns, partitionColumns, objects, replaced };
    await this.#staged.commit(dividedNote(manifest, true), signal);
    this.#state = 'divided';
    await this.#mark.finish(this.#staged, manifest, signal);
    return manifest;
  }

  /** Unless it was finished all is as it was before. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#state === 'open')
        await this.#mark.undoExchange(this.#staged, [...this.#noted], new AbortController().signal);
    } finally {
      await this.#staged.close();
    }
  }

  /** Notes the names that files are about to get, and takes the mark away before the first of them. */
  async #note(files: readonly Pick<FolderFile, 'path' | 'number'>[], signal: AbortSignal): Promise<void> {
    const isFirst = this.#noted.size === 0;
    for (const file of files) this.#noted.add(partitionFileName(file, this.#tag));
    await this.#staged.commit(exchangingNote([...this.#noted]), signal);
    if (isFirst) await this.#mark.takeAway(signal);
  }

  async #exchangeIn(path: string, own: readonly RowChange[], puts: SeveralPuts, signal: AbortSignal): Promise<void> {
    let rows: ExchangedRows | null = null;
    const files: FolderFile[] = [];
    for (const file of this.#files) {
      if (file.path !== path || rows?.left === 0) {
        files.push(file);
        continue;
      }
      const bytes = await this.#read(file, signal);
      this.#schema ??= await schemaOfFile(file.object.name, bytes, signal);
      rows ??= await ExchangedRows.of(own, this.#schema, this.#options, signal);
      const changed = await rows.in(file.object.name, bytes, signal);
      if (changed === null) files.push(file);
      else if (changed.rows > 0) files.push(await this.#put(file, changed, puts, signal));
    }
    const left = rows?.left ?? own.length;
    if (left > 0) throw this.#changed(`${path}/ lacks ${left} of ${own.length} rows as they were written`);
    this.#files = files;
  }

  async #put(
    { path, number }: Pick<FolderFile, 'path' | 'number'>,
    rows: Parameters<typeof encodePartitionFile>[0],
    puts: SeveralPuts,
    signal: AbortSignal,
  ): Promise<FolderFile> {
    const { store, prefix } = this.#options;
    const name = partitionFileName({ path, number }, this.#tag);
    const { bytes, facts } = await encodePartitionFile(rows, this.#schema!, this.#options);
    this.#written.add(name);
    await puts.add(store.put(`${prefix}${name}`, bytes, signal));
    return { path, number, object: { role: 'rows', name, ...facts } };
  }

  /** The files of rows that are in another partition now; their numbers are behind those that are there. */
  async #further(rows: readonly Uint8Array[]) {
    const { limits = DIVIDING_LIMITS } = this.#options;
    const first = new Map<string, number>();
    for (const { path, number } of this.#files) first.set(path, Math.max(first.get(path) ?? 0, number + 1));
    const batches = async function* () {
      let at = 0;
      const ends = Uint32Array.from(rows, (row) => (at += row.length));
      yield { bytes: Buffer.concat(rows), ends, release: () => undefined };
    };
    const files: (Parameters<typeof encodePartitionFile>[0] & Pick<FolderFile, 'path' | 'number'>)[] = [];
    for await (const file of dividedRows(batches(), this.#keys, this.manifest.columns.length, limits))
      files.push({ ...file, number: file.number + (first.get(file.path) ?? 0) });
    return files;
  }

  /** The partition of a row, and the row without its columns. */
  #divided(row: Uint8Array): readonly [path: string, kept: Uint8Array] {
    const bytes = Buffer.from(row.buffer, row.byteOffset, row.byteLength);
    fieldBounds(bytes, 0, this.#bounds);
    const path = this.#keys.pathOf(bytes, this.#bounds);
    const fields = this.#keys.kept.map((i) => bytes.subarray(this.#bounds[2 * i], this.#bounds[2 * i + 1]));
    const pieces = fields.flatMap((field, i) => (i === 0 ? [field] : [Buffer.of(COMMA), field]));
    return [path, Buffer.concat([...pieces, Buffer.of(LF)])];
  }

  async #read({ object }: FolderFile, signal: AbortSignal): Promise<Uint8Array> {
    const { store, prefix } = this.#options;
    const chunks: Uint8Array[] = [];
    for await (const chunk of store.read(`${prefix}${object.name}`, 0, signal)) chunks.push(Uint8Array.from(chunk));
    const bytes = Buffer.concat(chunks);
    if ('sha256' in object && createHash('sha256').update(bytes).digest('hex') === object.sha256) return bytes;
    throw this.#changed(`${object.name} is not the file that the manifest names`);
  }

  #changed(what: string): SluiceError {
    const { store, prefix } = this.#options;
    return new SluiceError(
      'VERIFY_FAILED',
      `${store.name(prefix)} was changed since it was written: ${what}. It stays as it is. Restore it (\`sluice verify\` names what differs), or ` +
        'score the rows by a job of their own.',
    );
  }
}

/** Takes a finished folder for writing. */
async function takeFinished(
  { store, prefix }: FolderExchangeOptions,
  mark: FolderMark,
  signal: AbortSignal,
): Promise<StagedOutput> {
  for (;;) {
    const { isThere, run } = await store.look(mark.key, signal);
    if (run === null && !isThere) throw refused(`There is no output ${store.name(prefix)}. Run the job first.`);
    if (run === null || (isThere && !run.isDurable)) {
      await mark.sweep(signal);
      return await store.stage(mark.key, { overwrite: true }, signal);
    }
    if (!run.isDurable) throw refused(run.says);
    try {
      await using staged = await store.stage(mark.key, { overwrite: false }, signal);
      const note = noteOf(staged);
      if (note?.state === 'exchanging') await mark.undoExchange(staged, note.names, signal);
      else if (note?.state === 'divided') await mark.finish(staged, note.manifest, signal);
      else throw refused(run.says);
    } catch (error) {
      // A publication that was interrupted is completed by that.
      if (findSluiceError(error)?.code !== 'OUTPUT_EXISTS') throw error;
    }
  }
}

function refused(says: string): SluiceError {
  return new SluiceError('OUTPUT_UNWRITABLE', `${says} A replay completes outputs that are finished.`);
}
