import { rm } from 'node:fs/promises';
import { SluiceError } from '../../src/sdk.ts';
import { outputFault } from './file-fault.ts';
import { type FileLedger, readLedger, removeLedger } from './file-ledger.ts';
import { type FileLock, lockFile } from './file-lock.ts';
import { besideOutput, type OutputPaths } from './output-paths.ts';
import { assertNothingThere, assertPlainFile, removeLeftovers } from './output-state.ts';
import { publishFiles } from './publish-files.ts';
import { StagedFiles } from './staged-files.ts';

/**
 * Takes an output for writing: locks it, completes the publication of a run that died within it, and continues or
 * throws away what an interrupted run left. Throws OUTPUT_LOCKED, OUTPUT_EXISTS, OUTPUT_UNWRITABLE, OUTPUT_FULL,
 * LEDGER_BROKEN, and LEDGER_OTHER_JOB when the interrupted run had another place for its dead letters.
 */
export async function stageFiles(paths: OutputPaths, overwrite: boolean, signal: AbortSignal): Promise<StagedFiles> {
  signal.throwIfAborted();
  assertDeadLettersApart(paths);
  const locks: FileLock[] = [];
  try {
    await assertPlainFile(paths.rows);
    await assertPlainFile(paths.deadLetters);
    locks.push(await lockFile(`${paths.rows}.lock`, paths.name));
    if (paths.deadLettersElsewhere) locks.push(await lockDeadLetters(paths));
    const ledger = await ledgerToContinue(paths, overwrite);
    if (ledger === null) await removeLeftovers(paths);
    return await StagedFiles.open(paths, { locks, ledger, overwrite: overwrite || ledger?.overwrite === true });
  } catch (error) {
    for (const lock of locks) await lock.release();
    throw outputFault(error, paths.rows);
  }
}

/** Throws CONFIG_INVALID when the dead letters would take a name that the output needs. */
export function assertDeadLettersApart(paths: OutputPaths): void {
  const taken = [paths.rows, paths.partial.rows, paths.ledger, paths.manifest];
  if (!taken.includes(paths.deadLetters) && !taken.includes(paths.partial.deadLetters)) return;
  throw new SluiceError(
    'CONFIG_INVALID',
    `The dead letters cannot go to ${paths.deadLetters}: the output ${paths.name} needs that name. Name another file for them.`,
  );
}

/** Two outputs that were given one place for their dead letters would write over each other. */
async function lockDeadLetters(paths: OutputPaths): Promise<FileLock> {
  try {
    return await lockFile(`${paths.deadLetters}.lock`, paths.deadLetters);
  } catch (error) {
    throw outputFault(error, paths.deadLetters);
  }
}

async function ledgerToContinue(paths: OutputPaths, overwrite: boolean): Promise<FileLedger | null> {
  // A ledger that nobody can read must not stand in the way of --overwrite.
  const ledger = await readLedger(paths).catch((error: unknown) => {
    if (overwrite && error instanceof SluiceError && error.code === 'LEDGER_BROKEN') return null;
    throw error;
  });
  if (ledger?.state === 'publishing') {
    await publishFiles(paths, ledger);
  } else if (ledger !== null && overwrite) {
    await removeLedger(paths);
    await rm(`${besideOutput(paths, ledger.deadLetters)}.partial`, { force: true });
  } else if (ledger !== null) {
    if (!ledger.overwrite) await assertNothingThere(paths);
    assertSameDeadLetters(paths, ledger);
    return ledger;
  }
  if (!overwrite) await assertNothingThere(paths);
  return null;
}

/** Throws LEDGER_OTHER_JOB when the interrupted run had another place for its dead letters. */
export function assertSameDeadLetters(paths: OutputPaths, ledger: FileLedger): void {
  const before = besideOutput(paths, ledger.deadLetters);
  if (before === paths.deadLetters) return;
  throw new SluiceError(
    'LEDGER_OTHER_JOB',
    `The interrupted run of ${paths.name} wrote its dead letters to ${before}, not to ${paths.deadLetters}. ` +
      'Name that file again, or start anew with --overwrite.',
  );
}
