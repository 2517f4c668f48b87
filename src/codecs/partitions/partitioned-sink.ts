import { findSluiceError, SluiceError } from '../../core/error.ts';
import type { Json } from '../../core/json.ts';
import type { JobIdentity, Ledger, Manifest } from '../../core/ledger.ts';
import type { StagedOutput } from '../../core/object-store.ts';
import { columnNames, type Schema } from '../../core/schema.ts';
import type { ScoredBatch } from '../../core/scored-batch.ts';
import type { ManifestFacts, Sink } from '../../core/sink.ts';
import { createWriter } from '../formats.ts';
import { createObjectSink } from '../objects/object-sink.ts';
import { dividedNote, FolderMark, type FolderNote, namesOfRows, noteOf, WHOLE_MARK } from './folder-mark.ts';
import { PartitionKeys } from './partition-keys.ts';
import type { PartitionedSinkOptions } from './partitioned-options.ts';
import { SeveralPuts } from './several-puts.ts';
import { Spool } from './spool.ts';

/** The hidden object that has the rows until all are there. */
export const ROWS_UNDER_WAY = '.rows.csv';

type Gathering = Extract<FolderNote, { readonly state: 'gathering' }>;

/**
 * The sink of a folder of Parquet files that are divided Hive-style by the values of columns. While the job runs the rows are one hidden
 * object, written and continued as any other output. When it is whole it is read once and divided; then the manifest, and last of all the
 * mark `_SUCCESS` are published. The staged output of the mark holds the place from the first to the last; a run that finds it divided in part
 * divides again, and gets the same files under the same names.
 */
export function createPartitionedSink(options: PartitionedSinkOptions): Sink {
  const sink = new PartitionedSink(options);
  const { store, prefix, overwrite } = options;
  return {
    guarantee: 'exactly-once',
    check: async (signal) => store.checkOutput?.(`${prefix}${WHOLE_MARK}`, { overwrite }, signal),
    open: (job, signal) => sink.open(job, signal),
    write: (batch, schema, signal) => sink.write(batch, schema, signal),
    commit: (signal) => sink.commit(signal),
    publish: (facts, schema, signal) => sink.publish(facts, schema, signal),
    discard: () => sink.discard(),
    close: () => sink.close(),
    [Symbol.asyncDispose]: () => sink.close(),
  };
}

class PartitionedSink {
  readonly #options: PartitionedSinkOptions;
  readonly #mark: FolderMark;
  readonly #rows: Sink;
  readonly #spool: Spool;
  #staged: StagedOutput | undefined;
  #columns: Schema['columns'] | null = null;
  #keys: PartitionKeys | null = null;
  /** Partitions that the note names; -1 before there is one. */
  #noted = -1;
  /** Names of files that were written by this run. */
  readonly #written: string[] = [];
  #ending: 'no' | 'divides' | 'publishes' = 'no';

  constructor(options: PartitionedSinkOptions) {
    const { store, spoolStore, prefix, overwrite, clock } = options;
    const key = `${prefix}${ROWS_UNDER_WAY}`;
    this.#options = options;
    this.#mark = new FolderMark(store, prefix);
    this.#rows = createObjectSink({
      store: spoolStore,
      key,
      writer: createWriter('csv', {}, 'none', { clock }),
      overwrite,
    });
    this.#spool = new Spool(options, key);
  }

  async open(job: JobIdentity, signal: AbortSignal): Promise<Ledger | null> {
    const { store, prefix } = this.#options;
    await store.makeFolder?.(prefix, signal);
    const staged = await this.#take(signal);
    this.#staged = staged;
    const note = noteOf(staged);
    if (note?.state === 'exchanging') {
      await this.#mark.undoExchange(staged, note.names, signal);
      throw replayUndone(store.name(prefix));
    }
    if (note?.state === 'divided') {
      await this.#finish(note.manifest, signal);
      throw finishedNow(store.name(prefix));
    }
    if (note !== null && (await this.#spool.isWhole(signal))) {
      await this.#divide(note, signal);
      throw finishedNow(store.name(prefix));
    }
    const ledger = await this.#rows.open(job, signal);
    if (ledger === null) return null;
    if (note === null) {
      throw new SluiceError(
        'LEDGER_BROKEN',
        `${store.name(this.#mark.key)} has no ledger, but there is one of its rows: something else removed it. Restore it, or start anew with --overwrite.`,
      );
    }
    this.#begin(note.columns, note.paths);
    this.#noted = note.paths.length;
    return ledger;
  }

  async write(batch: ScoredBatch, schema: Schema, signal: AbortSignal): Promise<void> {
    if (this.#keys === null) this.#begin(schema.columns, []);
    this.#keys!.look(batch.output);
    await this.#rows.write(batch, schema, signal);
  }

  async commit(signal: AbortSignal): Promise<Ledger> {
    // The note first: rows that a run finds again can always be divided.
    await this.#note(signal);
    return await this.#rows.commit(signal);
  }

  async publish(facts: ManifestFacts, schema: Schema, signal: AbortSignal): Promise<Manifest> {
    if (this.#keys === null) this.#begin(schema.columns, []);
    await this.#note(signal);
    await this.#rows.publish(facts, schema, signal);
    return await this.#divide(this.#gathering(), signal);
  }

  async discard(): Promise<void> {
    if (this.#ending === 'publishes' || this.#staged === undefined) return;
    const signal = new AbortController().signal;
    await this.#rows.discard();
    await this.#mark.remove(this.#written, signal);
    if (this.#ending === 'divides') await this.#spool.remove(signal);
    await this.#staged.discard();
  }

  async close(): Promise<void> {
    try {
      await this.#rows.close();
    } finally {
      const staged = this.#staged;
      this.#staged = undefined;
      await staged?.close();
    }
  }

  #begin(columns: Schema['columns'], known: readonly string[]): void {
    const { partitionColumns, prefix, nearest } = this.#options;
    this.#keys = new PartitionKeys({ partitionColumns, prefix, nearest, columns: columnNames({ columns }) }, known);
    this.#columns = columns;
  }

  #gathering(): Gathering {
    const { partitionColumns, compression } = this.#options;
    return {
      state: 'gathering',
      partitionColumns,
      compression,
      columns: this.#columns!,
      paths: [...this.#keys!.paths],
    };
  }

  async #note(signal: AbortSignal): Promise<void> {
    if (this.#keys === null || this.#keys.paths.size === this.#noted) return;
    await this.#staged!.commit(this.#gathering() as unknown as Json, signal);
    this.#noted = this.#keys.paths.size;
  }

  /** Takes the mark for writing; with it everything under the folder is this run's. */
  async #take(signal: AbortSignal): Promise<StagedOutput> {
    const { store, overwrite } = this.#options;
    try {
      const staged = await store.stage(this.#mark.key, { overwrite: false }, signal);
      if (!overwrite) return staged;
      await this.#undo(staged, signal);
    } catch (error) {
      const code = findSluiceError(error)?.code;
      if (code === 'OUTPUT_EXISTS') await this.#mark.sweep(signal);
      const isInTheWay = code === 'OUTPUT_EXISTS' || code === 'LEDGER_BROKEN' || code === 'LEDGER_OTHER_JOB';
      if (!overwrite || !isInTheWay) throw error;
    }
    const staged = await store.stage(this.#mark.key, { overwrite: true }, signal);
    try {
      // Rows of a run that is given up must not be found by one to come, nor be made whole by it.
      await this.#spool.isWhole(signal).catch((error: unknown) => {
        if (findSluiceError(error)?.code !== 'LEDGER_BROKEN') throw error;
      });
      await this.#spool.remove(signal);
    } catch (error) {
      await staged.close();
      throw error;
    }
    return staged;
  }

  /** Removes what an interrupted run has written that is to be thrown away. */
  async #undo(staged: StagedOutput, signal: AbortSignal): Promise<void> {
    try {
      const note = noteOf(staged);
      // A replay of dead letters is no run that is thrown away: the output that stands is to be replaced as a whole.
      if (note?.state === 'exchanging') return await this.#mark.undoExchange(staged, note.names, signal);
      if (note?.state === 'divided' && note.isExchange) return await this.#mark.finish(staged, note.manifest, signal);
      if (note?.state === 'divided') await this.#mark.remove(namesOfRows(note.manifest), signal);
      else if (note !== null && (await this.#spool.isWhole(signal)))
        for await (const { name } of this.#spool.files(note, signal)) await this.#mark.remove([name], signal);
      await staged.discard();
    } finally {
      await staged.close();
    }
  }

  async #divide(note: Gathering, signal: AbortSignal): Promise<Manifest> {
    const { store, prefix } = this.#options;
    this.#ending = 'divides';
    const objects: Manifest['objects'][number][] = [];
    {
      await using puts = new SeveralPuts();
      for await (const file of this.#spool.files(note, signal)) {
        this.#written.push(file.name);
        const { bytes, facts } = await file.encode();
        objects.push({ role: 'rows', name: file.name, ...facts });
        await puts.add(store.put(`${prefix}${file.name}`, bytes, signal));
      }
      await puts.done();
    }
    const staged = this.#staged!;
    const letters = await this.#spool.copyLetters(staged, signal);
    const { objects: _, ...facts } = await this.#spool.manifest(signal);
    const replaced = await this.#namesBefore(signal);
    const manifest: Manifest = {
      ...facts,
      partitionColumns: note.partitionColumns,
      objects: letters === null ? objects : [...objects, letters],
      ...(replaced.length === 0 ? {} : { replaced }),
    };
    await staged.commit(dividedNote(manifest, false), signal);
    await this.#finish(manifest, signal);
    return manifest;
  }

  async #finish(manifest: Manifest, signal: AbortSignal): Promise<void> {
    this.#ending = 'publishes';
    await this.#spool.remove(signal);
    await this.#mark.finish(this.#staged!, manifest, signal);
  }

  /** The files of an output that is there and will be replaced. */
  async #namesBefore(signal: AbortSignal): Promise<readonly string[]> {
    const before = await this.#mark.standing(signal);
    if (before === null) return [];
    const written = new Set(this.#written);
    return namesOfRows(before).filter((name) => !written.has(name));
  }
}

function finishedNow(name: string): SluiceError {
  return new SluiceError(
    'OUTPUT_EXISTS',
    `${name} was interrupted while it was being finished, which is done now; \`sluice verify\` checks it. ` +
      'Choose another folder, or replace it with --overwrite.',
  );
}

function replayUndone(name: string): SluiceError {
  return new SluiceError(
    'OUTPUT_EXISTS',
    `${name} exists already and is finished; a replay of its dead letters was interrupted, which is undone now: replay them again. ` +
      'To write the output anew choose another folder, or replace it with --overwrite.',
  );
}
