import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { removeDurably, syncFolder } from './durable-file.ts';
import { errnoOf, outputFault } from './file-fault.ts';

/** Makes a folder, and those above it. See `WholeObjects.makeFolder`. */
export async function makeFolder(prefix: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const folder = resolve(prefix);
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw outputFault(error, folder);
  }
}

/** Makes a file of these bytes, or replaces it. See `WholeObjects.put`. */
export async function putWhole(key: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const path = resolve(key);
  const folder = dirname(path);
  const temporary = temporaryOf(path);
  try {
    const first = await mkdir(folder, { recursive: true });
    {
      await using handle = await open(temporary, 'w');
      await handle.writeFile(bytes);
      await handle.sync();
    }
    await rename(temporary, path);
    // Folders that were made are entries of the one above them.
    const upTo = first === undefined ? folder : dirname(first);
    for (let at = folder; ; at = dirname(at)) {
      await syncFolder(at);
      if (at === upTo || at === dirname(at)) break;
    }
  } catch (error) {
    throw outputFault(error, path);
  }
}

/** See `WholeObjects.remove`. */
export async function removeWhole(key: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const path = resolve(key);
  try {
    await rm(temporaryOf(path), { force: true });
    await removeDurably(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return;
    throw outputFault(error, path);
  }
}

/** Hidden: whoever reads the folder meanwhile does not take it for data. */
function temporaryOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.tmp`);
}
