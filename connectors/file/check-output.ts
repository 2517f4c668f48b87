import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SluiceError } from '../../src/sdk.ts';
import { outputFault } from './file-fault.ts';
import { readLedger } from './file-ledger.ts';
import { assertUnlocked } from './file-lock.ts';
import type { OutputPaths } from './output-paths.ts';
import { assertNothingThere, assertPlainFile } from './output-state.ts';
import { assertDeadLettersApart, assertSameDeadLetters } from './stage-files.ts';

/**
 * Whether `stageFiles` would take the output now: rejects as it would, and writes nothing. A ledger that nobody can read does not stand in
 * the way of `overwrite`, as it does not there.
 */
export async function checkFileOutput(paths: OutputPaths, overwrite: boolean, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  assertDeadLettersApart(paths);
  try {
    await assertPlainFile(paths.rows);
    await assertPlainFile(paths.deadLetters);
    await assertRoom(paths.rows);
    if (dirname(paths.deadLetters) !== paths.folder) await assertRoom(paths.deadLetters);
    await assertUnlocked(`${paths.rows}.lock`, paths.name);
    if (paths.deadLettersElsewhere) await assertUnlocked(`${paths.deadLetters}.lock`, paths.deadLetters);
    if (overwrite) return;
    const ledger = await readLedger(paths);
    if (ledger?.state === 'publishing') throw almostFinished(paths);
    if (ledger?.overwrite !== true) await assertNothingThere(paths);
    if (ledger !== null) assertSameDeadLetters(paths, ledger);
  } catch (error) {
    throw outputFault(error, paths.rows);
  }
}

/** The folder of a file is there, may be written by this user, and its disk is not full. */
async function assertRoom(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    const { bavail, blocks } = await statfs(folder);
    // File systems that do not count their blocks say that they have none.
    if (blocks > 0 && bavail === 0)
      throw Object.assign(new Error('no space left'), { code: 'ENOSPC', syscall: 'statfs' });
  } catch (error) {
    throw outputFault(error, path);
  }
}

function almostFinished({ name }: OutputPaths): SluiceError {
  return new SluiceError(
    'OUTPUT_EXISTS',
    `${name} is finished but for its names, which the next run gives it. Run the job again, or replace the output with --overwrite.`,
  );
}
