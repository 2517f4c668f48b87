import { findSluiceError } from '../../core/error.ts';
import type { Json } from '../../core/json.ts';
import type { Manifest } from '../../core/ledger.ts';
import type { StagedOutput } from '../../core/object-store.ts';
import type { Schema } from '../../core/schema.ts';
import { readManifest } from '../objects/read-manifest.ts';
import type { ParquetCompression } from '../parquet/packing.ts';
import { placeOfFile } from './partition-file.ts';
import type { PartitionedStore } from './partitioned-options.ts';

/** The object that says by being there that the output is whole; readers of folders leave out names that begin with `_`. */
export const WHOLE_MARK = '_SUCCESS';

/** What the staged output of the mark notes: all that the next holder needs to do the rest, or to take it back. */
export type FolderNote =
  | {
      readonly state: 'gathering';
      readonly partitionColumns: readonly string[];
      readonly compression: ParquetCompression;
      readonly columns: Schema['columns'];
      /** The partitions of the rows so far, which a continuation must count, too. */
      readonly paths: readonly string[];
    }
  /** Rows of the output that stands are put anew, into files of these names; the files that have them stand until it is `divided`. */
  | { readonly state: 'exchanging'; readonly names: readonly string[] }
  /** All files stand: the rest may not be taken back. @see dividedNote */
  | { readonly state: 'divided'; readonly manifest: Manifest; readonly isExchange?: boolean };

/** The mark of a folder that is divided by columns, whose staged output holds the folder for one run. */
export class FolderMark {
  readonly key: string;
  readonly #store: PartitionedStore;
  readonly #prefix: string;

  constructor(store: PartitionedStore, prefix: string) {
    this.key = `${prefix}${WHOLE_MARK}`;
    this.#store = store;
    this.#prefix = prefix;
  }

  /** The manifest of the output that is there; null for none. */
  async standing(signal: AbortSignal): Promise<Manifest | null> {
    const { isThere, manifest } = await this.#store.look(this.key, signal);
    if (!isThere) return null;
    try {
      return await readManifest(this.#store, manifest, signal);
    } catch (error) {
      if (findSluiceError(error)?.code === 'INTAKE_NOT_FOUND') return null;
      throw error;
    }
  }

  /** Does what is left of an output that is divided: from here on nothing may be taken back. */
  async finish(staged: StagedOutput, manifest: Manifest, signal: AbortSignal): Promise<void> {
    const { isThere, manifest: key } = await this.#store.look(this.key, signal);
    const replaced = manifest.replaced ?? [];
    // Where the mark was taken away it comes back last: whoever waits for it never finds files of before and of now side by side.
    if (!isThere && replaced.length > 0) {
      await this.#store.put(key, Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`), signal);
      await this.remove(replaced, signal);
    }
    await staged.publish(manifest as unknown as Json, signal);
    if (isThere) await this.remove(replaced, signal);
  }

  /** Takes the mark away while files are exchanged. What stands is noted before. */
  async takeAway(signal: AbortSignal): Promise<void> {
    await this.#store.remove(this.key, signal);
  }

  /** Takes back what an exchange has put: the output is then as it was before. Throws OUTPUT_LOCKED when somebody else has the folder now. */
  async undoExchange(staged: StagedOutput, names: readonly string[], signal: AbortSignal): Promise<void> {
    await this.remove(names, signal);
    const { isThere } = await this.#store.look(this.key, signal);
    if (!isThere) {
      // Whoever was taken for dead meanwhile must not say that the folder is whole.
      await staged.commit(exchangingNote(names), signal);
      await this.#store.put(this.key, new Uint8Array(0), signal);
    }
    await staged.discard();
  }

  /** Removes what an output that stands has replaced, if its run died before it had. The names are of no other output, so nobody need hold it. */
  async sweep(signal: AbortSignal): Promise<void> {
    await this.remove((await this.standing(signal))?.replaced ?? [], signal);
  }

  /** Nothing but files of ours is ever removed, whatever a manifest that was changed may say. */
  async remove(names: readonly string[], signal: AbortSignal): Promise<void> {
    for (const name of names)
      if (placeOfFile(name) !== null) await this.#store.remove(`${this.#prefix}${name}`, signal);
  }
}

/** What was noted by whoever had the mark before; null for a fresh start. */
export function noteOf({ found }: StagedOutput): FolderNote | null {
  return found === null ? null : (found.note as unknown as FolderNote);
}

/** @param names of the files that are put. */
export function exchangingNote(names: readonly string[]): Json {
  const note: FolderNote = { state: 'exchanging', names };
  return note;
}

/** @param isExchange whether files of it were those of the output before, too. */
export function dividedNote(manifest: Manifest, isExchange: boolean): Json {
  const note: FolderNote = { state: 'divided', manifest, isExchange };
  return note as unknown as Json;
}

export function namesOfRows({ objects }: Pick<Manifest, 'objects'>): readonly string[] {
  return objects.flatMap(({ role, name }) => (role === 'rows' ? [name] : []));
}
