import { readFile } from 'node:fs/promises';
import { type Json, type ObjectRole, SluiceError } from '../../src/sdk.ts';
import { removeDurably, writeDurably } from './durable-file.ts';
import { errnoOf, outputFault } from './file-fault.ts';
import type { OutputPaths } from './output-paths.ts';

/** What stands in `<out>.ledger.json` while an output is under way. */
export interface FileLedger {
  readonly version: 1;
  /** `publishing` is the point of no return: whoever finds it completes the publication. */
  readonly state: 'open' | 'publishing';
  /** How many bytes of each partial file are durable. */
  readonly bytes: Readonly<Record<ObjectRole, number>>;
  /** Where the dead letters go, relative to the folder of the output. */
  readonly deadLetters: string;
  /** Whether the run was told to replace an existing output; a continuation need not be told again. */
  readonly overwrite: boolean;
  /** The caller's, given back as it was. */
  readonly note: Json;
  /** Only with `publishing`. */
  readonly manifest: Json;
}

/** The ledger of an output; null when there is none. Throws LEDGER_BROKEN when it cannot be one of ours. */
export async function readLedger(paths: OutputPaths): Promise<FileLedger | null> {
  let text: string;
  try {
    text = await readFile(paths.ledger, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw outputFault(error, paths.ledger);
  }
  const ledger = parseLedger(text);
  if (ledger !== null) return ledger;
  throw new SluiceError(
    'LEDGER_BROKEN',
    `${paths.ledger} is no ledger of this version of Sluice. Restore it, or start anew with --overwrite.`,
  );
}

/** Replaces the ledger; what it says of the data must be durable already. */
export async function writeLedger(paths: OutputPaths, ledger: FileLedger): Promise<void> {
  await writeDurably(paths.ledger, `${JSON.stringify(ledger)}\n`);
}

export async function removeLedger(paths: OutputPaths): Promise<void> {
  await removeDurably(paths.ledger);
}

function parseLedger(text: string): FileLedger | null {
  let value: Partial<Record<keyof FileLedger, Json>> | null;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || value.version !== 1) return null;
  const { state, bytes, deadLetters, overwrite, note, manifest } = value;
  if ((state !== 'open' && state !== 'publishing') || typeof deadLetters !== 'string') return null;
  if (typeof bytes !== 'object' || bytes === null || !('rows' in bytes) || !('deadLetters' in bytes)) return null;
  const lengths = { rows: bytes.rows, deadLetters: bytes.deadLetters };
  if (!isLength(lengths.rows) || !isLength(lengths.deadLetters)) return null;
  return {
    version: 1,
    state,
    bytes: { rows: lengths.rows, deadLetters: lengths.deadLetters },
    deadLetters,
    overwrite: overwrite === true,
    note: note ?? null,
    manifest: manifest ?? null,
  };
}

function isLength(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
