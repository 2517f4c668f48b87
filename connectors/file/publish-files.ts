import { rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SluiceError } from '../../src/sdk.ts';
import { removeDurably, syncFolder, writeDurably } from './durable-file.ts';
import { errnoOf } from './file-fault.ts';
import { type FileLedger, removeLedger } from './file-ledger.ts';
import { besideOutput, type OutputPaths } from './output-paths.ts';

/**
 * Gives the files of an output whose ledger says `publishing` their own names, and removes the ledger last. Every step may
 * have been done before by a run that died: then it changes nothing. The rows come last, so that whoever waits for the
 * output finds its manifest and dead letters there. What an earlier output left (manifest, dead letters) is replaced or removed.
 */
export async function publishFiles(paths: OutputPaths, ledger: FileLedger): Promise<void> {
  const deadLetters = besideOutput(paths, ledger.deadLetters);
  const deadLettersPartial = `${deadLetters}.partial`;
  if (ledger.bytes.deadLetters > 0) {
    await renameIfThere(deadLettersPartial, deadLetters, ledger.bytes.deadLetters);
    await syncFolder(dirname(deadLetters));
  } else {
    await rm(deadLettersPartial, { force: true });
    await removeDurably(deadLetters);
  }
  if (deadLetters !== paths.usualDeadLetters) await removeDurably(paths.usualDeadLetters);
  await writeDurably(paths.manifest, `${JSON.stringify(ledger.manifest, null, 2)}\n`);
  await renameIfThere(paths.partial.rows, paths.rows, ledger.bytes.rows);
  await syncFolder(paths.folder);
  await removeLedger(paths);
}

async function renameIfThere(from: string, to: string, bytes: number): Promise<void> {
  const found = await stat(from).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  });
  if (found === null) return;
  if (found.size !== bytes) {
    throw new SluiceError(
      'LEDGER_BROKEN',
      `${from} holds ${found.size} bytes, but its ledger recorded ${bytes} when it was finished: something else changed it. ` +
        'Restore it, or remove it with the ledger and start anew.',
    );
  }
  await rename(from, to);
}
