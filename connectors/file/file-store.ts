import type { ObjectStore, OutputLookup, WholeObjects } from '../../src/sdk.ts';
import { checkFileOutput } from './check-output.ts';
import { readChunks } from './file-chunks.ts';
import { intakeFault } from './file-fault.ts';
import { listFiles } from './file-listing.ts';
import { lookAtFiles } from './look-at-files.ts';
import { outputPaths } from './output-paths.ts';
import { stageFiles } from './stage-files.ts';
import { makeFolder, putWhole, removeWhole } from './whole-files.ts';

export interface FileStoreOptions {
  /** Where the dead letters of an output go; null or left out: `<out>.dead.jsonl` beside it. */
  readonly deadLetterPath?: string | null;
}

/**
 * Objects kept as local files; a key is a path, relative to the working folder or absolute. An output is written beside
 * its place and takes its name when it is finished; see README.md for the files and what they promise.
 */
export function createFileStore(options: FileStoreOptions = {}): ObjectStore & OutputLookup & WholeObjects {
  return {
    name: (key) => key,
    list: (pattern, signal) => listFiles(pattern, signal),
    async *read(key, offset, signal) {
      try {
        yield* readChunks(key, offset, Number.POSITIVE_INFINITY, signal);
      } catch (error) {
        throw intakeFault(error, key);
      }
    },
    async range(key, from, length, signal) {
      const bytes = new Uint8Array(length);
      let filled = 0;
      try {
        for await (const chunk of readChunks(key, from, from + length, signal)) {
          bytes.set(chunk, filled);
          filled += chunk.length;
        }
      } catch (error) {
        throw intakeFault(error, key);
      }
      return bytes.subarray(0, filled);
    },
    stage: (key, { overwrite }, signal) =>
      stageFiles(outputPaths(key, options.deadLetterPath ?? null), overwrite, signal),
    checkOutput: (key, { overwrite }, signal) =>
      checkFileOutput(outputPaths(key, options.deadLetterPath ?? null), overwrite, signal),
    makeFolder: (prefix, signal) => makeFolder(prefix, signal),
    put: (key, bytes, signal) => putWhole(key, bytes, signal),
    remove: (key, signal) => removeWhole(key, signal),
    look: (key) => lookAtFiles(outputPaths(key, null)),
    // Files are opened for each read and each output, and closed with them: nothing is left to free.
    [Symbol.asyncDispose]: async () => undefined,
  };
}
