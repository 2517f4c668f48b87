import { type CsvSettings, defaultCsvSettings } from '../../codecs/csv/csv-settings.ts';
import { createReaders } from '../../codecs/formats.ts';
import { createObjectSource } from '../../codecs/objects/object-source.ts';
import type { BatchLimits } from '../../core/batch-limits.ts';
import { findSluiceError, SluiceError } from '../../core/error.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import { columnNames } from '../../core/schema.ts';
import { namedStore, type StoreAccess } from '../named-store.ts';

const LIMITS: BatchLimits = { rows: 8_192, bytes: 1024 * 1024, lingerMs: Number.POSITIVE_INFINITY };

/** A scored output that is read once, from its first row to its last. */
export interface ScoredOutput extends AsyncDisposable {
  readonly name: string;
  /** Null when it has no row. */
  readonly columns: readonly string[] | null;
  /** The next rows; null at the end. May be released when they were looked at. */
  next(): Promise<RowBatch | null>;
}

/**
 * Opens a file, a folder of parts or a pattern, also of S3; .gz and .zst are unpacked. Memory is that of two batches, whatever the size.
 * Errors as of an intake.
 */
export async function openScoredOutput(
  path: string,
  csvSettings: Partial<CsvSettings>,
  access: StoreAccess,
  signal: AbortSignal,
): Promise<ScoredOutput> {
  const batches = rowsOf(path, { ...defaultCsvSettings, ...csvSettings }, access, signal);
  let first = (await batches.next()).value ?? null;
  return {
    name: path,
    columns: first === null ? null : columnNames(first.schema),
    next: async () => {
      const batch = first ?? (await batches.next()).value ?? null;
      first = null;
      return batch;
    },
    [Symbol.asyncDispose]: async () => {
      await batches.return();
    },
  };
}

async function* rowsOf(
  path: string,
  settings: CsvSettings,
  access: StoreAccess,
  signal: AbortSignal,
): AsyncGenerator<RowBatch, void> {
  await using source = createObjectSource({
    store: namedStore(path, access),
    patterns: [path],
    readers: createReaders({ csv: settings }),
    compression: 'auto',
  });
  try {
    await source.identity(signal);
  } catch (error) {
    if (findSluiceError(error)?.code !== 'INTAKE_NOT_FOUND') throw error;
    throw new SluiceError(
      'INTAKE_NOT_FOUND',
      `There is no output ${path}. Name a file, a folder of parts or a pattern.`,
      { cause: error },
    );
  }
  for (const split of await source.splits(signal)) yield* source.read(split, null, LIMITS, signal);
}
