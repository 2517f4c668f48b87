import { stat } from 'node:fs/promises';
import { messageOf, type OutputState, SluiceError } from '../../src/sdk.ts';
import { errnoOf, intakeFault } from './file-fault.ts';
import { readLedger } from './file-ledger.ts';
import { besideOutput, type OutputPaths } from './output-paths.ts';
import { exists } from './output-state.ts';

/** What stands at an output. See `OutputLookup`. Throws INTAKE_UNREADABLE when it is no file, or cannot be looked at. */
export async function lookAtFiles(paths: OutputPaths): Promise<OutputState> {
  try {
    const found = await stat(paths.rows).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null;
      throw error;
    });
    if (found !== null && !found.isFile())
      throw new SluiceError('INTAKE_UNREADABLE', `${paths.name} is no file. Name the output that a run was given.`);
    return {
      isThere: found !== null,
      run: await runAt(paths),
      manifest: paths.manifest,
      keyOf: (name) => besideOutput(paths, name),
    };
  } catch (error) {
    throw intakeFault(error, paths.name);
  }
}

async function runAt(paths: OutputPaths): Promise<OutputState['run']> {
  const again = 'Run the same job again: it continues.';
  const ledger = await readLedger(paths).catch((error: unknown) => messageOf(error));
  if (typeof ledger === 'string') return { state: 'broken', says: ledger, isDurable: true, deadLetters: null };
  if (ledger?.state === 'publishing') {
    const says = `${paths.name} was interrupted while it was being finished. ${again}`;
    return { state: 'publishing', says, isDurable: true, deadLetters: null };
  }
  if (ledger !== null)
    return {
      state: 'open',
      isDurable: true,
      deadLetters: { key: `${besideOutput(paths, ledger.deadLetters)}.partial`, bytes: ledger.bytes.deadLetters },
      says: `${paths.name} is unfinished: ${ledger.bytes.rows} bytes of it are durable. ${again}`,
    };
  if (!(await exists(paths.partial.rows))) return null;
  return {
    state: 'open',
    isDurable: false,
    deadLetters: null,
    says: `${paths.name} is unfinished, and nothing of it is durable yet. Run the job again.`,
  };
}
