import { rm, stat } from 'node:fs/promises';
import { SluiceError } from '../../src/sdk.ts';
import { removeDurably } from './durable-file.ts';
import { errnoOf } from './file-fault.ts';
import type { OutputPaths } from './output-paths.ts';

/** Whether something stands under a name. Links are followed: one that leads nowhere is nothing. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false;
    throw error;
  }
}

/**
 * Throws OUTPUT_UNWRITABLE when `path` is a folder, a device or a pipe. What is written there could neither be continued
 * nor be checked: /dev/null would even be replaced by a file.
 */
export async function assertPlainFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  });
  if (found === null || found.isFile()) return;
  throw new SluiceError(
    'OUTPUT_UNWRITABLE',
    found.isDirectory()
      ? `${path} is a folder. Name a file in it.`
      : `${path} is a device or a pipe, which can hold no rows to continue behind. Name a file, or write to standard output.`,
  );
}

/** Throws OUTPUT_EXISTS when the output is there already, or dead letters of somebody else at a place of their own. */
export async function assertNothingThere(paths: OutputPaths): Promise<void> {
  if (await exists(paths.rows)) {
    const finished = await exists(paths.manifest);
    throw new SluiceError(
      'OUTPUT_EXISTS',
      finished
        ? `${paths.name} exists already and is finished; \`sluice verify\` checks it. Choose another path, or replace it with --overwrite.`
        : `${paths.name} exists already. Choose another path, or replace it with --overwrite.`,
    );
  }
  if (paths.deadLettersElsewhere && (await exists(paths.deadLetters))) {
    throw new SluiceError(
      'OUTPUT_EXISTS',
      `${paths.deadLetters}, where the dead letters are to go, exists already. Choose another path, or replace it with --overwrite.`,
    );
  }
}

/** Removes what an abandoned run left beside the output. The ledger goes first: without it the rest counts as nothing. */
export async function removeLeftovers(paths: OutputPaths): Promise<void> {
  await removeDurably(paths.ledger);
  const others = [paths.partial.rows, paths.partial.deadLetters, `${paths.ledger}.tmp`, `${paths.manifest}.tmp`];
  for (const path of others) await rm(path, { force: true });
}
