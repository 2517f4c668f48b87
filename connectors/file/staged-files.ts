import { dirname } from 'node:path';
import { type Json, type ObjectRole, SluiceError, type StagedOutput, type StagedState } from '../../src/sdk.ts';
import { syncFolder } from './durable-file.ts';
import { outputFault } from './file-fault.ts';
import { type FileLedger, removeLedger, writeLedger } from './file-ledger.ts';
import type { FileLock } from './file-lock.ts';
import { manifestNames, type OutputPaths } from './output-paths.ts';
import { assertNothingThere, removeLeftovers } from './output-state.ts';
import { PartialFile } from './partial-file.ts';
import { publishFiles } from './publish-files.ts';

/** What `stageFiles` found and decided before it opens the files. */
export interface StagedStart {
  readonly locks: readonly FileLock[];
  /** The ledger to continue from; null for a fresh start. */
  readonly ledger: FileLedger | null;
  readonly overwrite: boolean;
}

/**
 * One output under way in files: two that grow, and a ledger that says how far they count. Nothing more is accepted after
 * a failed write or flush: nobody knows then what is on the disk, but what the last ledger says is.
 */
export class StagedFiles implements StagedOutput {
  readonly names: StagedOutput['names'];
  readonly sealed = false;
  readonly #paths: OutputPaths;
  readonly #start: StagedStart;
  readonly #files: Readonly<Record<ObjectRole, PartialFile>>;
  #found: StagedState | null;
  #state: 'open' | 'gone' | 'closed' = 'open';
  /** Whether a ledger stands on the disk: then the partial files are of use to a later run. */
  #committed: boolean;
  #failure: { readonly error: unknown } | null = null;

  private constructor(paths: OutputPaths, start: StagedStart, files: Readonly<Record<ObjectRole, PartialFile>>) {
    this.names = manifestNames(paths);
    this.#paths = paths;
    this.#start = start;
    this.#files = files;
    this.#found = start.ledger === null ? null : { note: start.ledger.note, bytes: start.ledger.bytes };
    this.#committed = start.ledger !== null;
  }

  static async open(paths: OutputPaths, start: StagedStart): Promise<StagedFiles> {
    const bytes = start.ledger?.bytes ?? { rows: 0, deadLetters: 0 };
    const rows = await PartialFile.open(paths.partial.rows, bytes.rows);
    try {
      const deadLetters = await PartialFile.open(paths.partial.deadLetters, bytes.deadLetters).catch(
        (error: unknown) => {
          throw outputFault(error, paths.deadLetters);
        },
      );
      // The first ledger flushes the folder of the rows; nobody else flushes another one.
      if (dirname(paths.deadLetters) !== paths.folder) await syncFolder(dirname(paths.deadLetters));
      return new StagedFiles(paths, start, { rows, deadLetters });
    } catch (error) {
      await rows.close();
      throw error;
    }
  }

  get found(): StagedState | null {
    return this.#found;
  }

  async *reread(role: ObjectRole, from: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    this.#assertOpen();
    try {
      yield* this.#files[role].read(from, signal);
    } catch (error) {
      throw outputFault(error, this.#paths.partial[role]);
    }
  }

  async append(role: ObjectRole, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#do(signal, this.#paths.partial[role], () => this.#files[role].append(bytes));
  }

  async commit(note: Json, signal: AbortSignal): Promise<void> {
    await this.#do(signal, this.#paths.rows, async () => {
      await this.#files.rows.sync();
      await this.#files.deadLetters.sync();
      await writeLedger(this.#paths, this.#ledger('open', note, null));
      this.#committed = true;
    });
  }

  async publish(manifest: Json, signal: AbortSignal): Promise<void> {
    await this.#do(signal, this.#paths.rows, async () => {
      if (!this.#start.overwrite) await assertNothingThere(this.#paths);
      await this.#files.rows.trim();
      await this.#files.deadLetters.trim();
      const ledger = this.#ledger('publishing', this.#found?.note ?? null, manifest);
      await writeLedger(this.#paths, ledger);
      // From here on nothing may be taken back: what is not done now, the next run of this output does.
      this.#state = 'gone';
      await this.#closeFiles();
      await publishFiles(this.#paths, ledger);
    });
  }

  async restart(signal: AbortSignal): Promise<void> {
    await this.#do(signal, this.#paths.rows, async () => {
      // The ledger goes first: without it the files count as nothing.
      await removeLedger(this.#paths);
      this.#committed = false;
      this.#found = null;
      await this.#files.rows.clear();
      await this.#files.deadLetters.clear();
    });
  }

  async discard(): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'gone';
    await this.#closeFiles();
    await this.#remove();
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    const open = this.#state === 'open';
    this.#state = 'closed';
    try {
      if (open) {
        await this.#closeFiles();
        if (!this.#committed) await this.#remove();
      }
    } finally {
      for (const lock of this.#start.locks) await lock.release();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #ledger(state: FileLedger['state'], note: Json, manifest: Json): FileLedger {
    const { rows, deadLetters } = this.#files;
    return {
      version: 1,
      state,
      bytes: { rows: rows.length, deadLetters: deadLetters.length },
      deadLetters: this.names.deadLetters,
      overwrite: this.#start.overwrite,
      note,
      manifest,
    };
  }

  async #do(signal: AbortSignal, path: string, work: () => Promise<void>): Promise<void> {
    this.#assertOpen();
    signal.throwIfAborted();
    if (this.#failure !== null) throw this.#failure.error;
    try {
      await work();
    } catch (error) {
      this.#failure = { error: outputFault(error, path) };
      throw this.#failure.error;
    }
  }

  async #closeFiles(): Promise<void> {
    await this.#files.rows.close();
    await this.#files.deadLetters.close();
  }

  async #remove(): Promise<void> {
    try {
      await removeLeftovers(this.#paths);
    } catch (error) {
      throw outputFault(error, this.#paths.rows);
    }
  }

  #assertOpen(): void {
    if (this.#state === 'open') return;
    throw new SluiceError(
      'CONTRACT_BROKEN',
      `${this.#paths.name} was used after it was published, discarded or closed. This is a fault in the program.`,
    );
  }
}
