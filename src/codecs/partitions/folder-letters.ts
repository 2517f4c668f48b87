import type { DeadLetterReader } from '../../core/dead-letters.ts';
import { findSluiceError } from '../../core/error.ts';
import type { ObjectStore, OutputLookup } from '../../core/object-store.ts';
import { objectLetters, standingLetters } from '../objects/object-letters.ts';
import { readManifest } from '../objects/read-manifest.ts';

/**
 * The dead letters of a folder that is divided by columns. While its files are exchanged, or when that was interrupted, its mark is away: those that
 * its manifest names count still.
 */
export function folderLetters(store: ObjectStore & OutputLookup, mark: string): DeadLetterReader {
  const reader = objectLetters(store, mark);
  return {
    name: reader.name,
    async *read(signal) {
      const state = await store.look(mark, signal);
      const isAway = !state.isThere && state.run?.state === 'open';
      const isExchanged = isAway && (await hasManifest(store, state.manifest, signal));
      yield* isExchanged ? standingLetters(store, state, signal) : reader.read(signal);
    },
  };
}

/** Not so while the first run into a folder is not finished. */
async function hasManifest(store: ObjectStore, key: string, signal: AbortSignal): Promise<boolean> {
  try {
    await readManifest(store, key, signal);
    return true;
  } catch (error) {
    if (findSluiceError(error)?.code === 'INTAKE_NOT_FOUND') return false;
    throw error;
  }
}
