import { setImmediate } from 'node:timers/promises';
import type {
  BegunVersion,
  CatalogIndex,
  DatasetTarget,
  RegisteredVersion,
} from '../../../connectors/catalog/catalog-index.ts';
import { type ColumnProfile, ColumnStatistics } from '../../../connectors/catalog/column-statistics.ts';
import type { Compression } from '../../codecs/compression.ts';
import { createWriter, endingOf } from '../../codecs/formats.ts';
import type { FormatName } from '../../codecs/object-format.ts';
import { createObjectSink } from '../../codecs/objects/object-sink.ts';
import type { Clock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import { digestText } from '../../core/ledger.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import type { Schema } from '../../core/schema.ts';
import { EMPTY_TALLY, type ScoredBatch } from '../../core/scored-batch.ts';
import type { Sink } from '../../core/sink.ts';
import type { Source } from '../../core/source.ts';
import type { StoredVersions } from './version-files.ts';

export interface AddOptions {
  readonly index: CatalogIndex;
  readonly files: StoredVersions;
  /** The dataset that gets the version. */
  readonly target: DatasetTarget;
  /** Where the rows come from; any source there is. It is closed at the end. */
  readonly source: Source;
  /** The same in words. */
  readonly description: string;
  /** What its file holds. */
  readonly format: FormatName;
  readonly compression: Compression;
  readonly clock: Clock;
  /** Told of the rows written so far. */
  readonly onRows?: (rows: number) => void;
}

/** Small enough that a server which does this beside other work is not kept from it for long. */
const LIMITS = { rows: 1_000, bytes: 1024 * 1024, lingerMs: Number.POSITIVE_INFINITY };
const PACKED: Readonly<Record<Compression, string>> = { none: '', gzip: '.gz', zstd: '.zst', bzip2: '.bz2' };

/**
 * Makes a version of a dataset of all rows of a source: its file first, out of sight, then the entry that shows it. A run that is killed in
 * between leaves nothing that could be taken for a version; what it leaves beside that is removed by the next. Throws what the source and the
 * store throw, and INTAKE_EMPTY for a source without rows.
 */
export async function addDataset(options: AddOptions, signal: AbortSignal): Promise<RegisteredVersion> {
  const { index, files, target, description, format, compression, clock, onRows } = options;
  await using source = options.source;
  await removeAbandoned(index, files, signal);
  const ending = `${endingOf(format)}${PACKED[compression]}`;
  const created = new Date(clock.wall()).toISOString();
  const begun = await index.begin(target, { source: description, ending, created }, ({ datasetId, versionId }) =>
    files.locate(datasetId, versionId, ending),
  );
  const { store, key } = files.at(begun.location);
  const sink = createObjectSink({
    store,
    key,
    writer: createWriter(format, {}, compression, { clock }),
    overwrite: false,
  });
  try {
    const intake = await source.identity(signal);
    await files.prepare(begun.location);
    const job = { dataset: begun.datasetId, version: begun.versionId, intake };
    await sink.open(job, signal);
    const statistics = new DatasetStatistics();
    let sequence = 0;
    let rows = 0;
    let [taken, skipped] = [0, 0];
    for (const split of await source.splits(signal)) {
      for await (const batch of source.read(split, null, LIMITS, signal)) {
        statistics.add(batch);
        rows += batch.rows;
        taken += batch.bytes.length;
        skipped += batch.origin.rejected.length;
        await sink.write(asWritten(batch, sequence, split.id), statistics.schema!, signal);
        sequence += 1;
        onRows?.(rows);
        await setImmediate();
      }
    }
    const { schema } = statistics;
    if (schema === null) throw new SluiceError('INTAKE_EMPTY', `${description} has no rows; a dataset needs some.`);
    const tally = { read: rows + skipped, scored: rows, failed: 0, skipped };
    const facts = { version: 1 as const, job, tally, model: null, intakeBytes: taken, finished: created };
    const { objects } = await sink.publish(facts, schema, signal);
    const written = objects.find(({ role }) => role === 'rows')!;
    return index.complete(begun, {
      rows,
      bytes: written.bytes,
      sha256: 'sha256Tree' in written ? `tree:${written.sha256Tree}` : digestText(written),
      columns: statistics.profiles(),
    });
  } catch (error) {
    // What cannot be removed now, the next one removes; what went wrong first is what counts.
    await giveUp(sink, begun, options).catch(() => undefined);
    throw error;
  } finally {
    await sink.close();
  }
}

async function giveUp(sink: Sink, begun: BegunVersion, { files, index }: AddOptions): Promise<void> {
  await sink.discard();
  await sink.close();
  await files.remove(begun.location, new AbortController().signal);
  index.forget(begun);
}

/** Removes a version, or all of a dataset. Throws INTAKE_NOT_FOUND. @returns what was removed. */
export async function removeDataset(
  { index, files }: Pick<AddOptions, 'index' | 'files'>,
  dataset: string,
  version: string | null,
  signal: AbortSignal,
): Promise<readonly RegisteredVersion[]> {
  const versions = version === null ? index.versions(dataset) : [index.version(dataset, version)];
  for (const one of versions) {
    await index.hide(one);
    await files.remove(one.location, signal);
    index.forget(one);
  }
  return versions;
}

async function removeAbandoned(index: CatalogIndex, files: StoredVersions, signal: AbortSignal): Promise<void> {
  for (const begun of await index.abandoned()) {
    await files.remove(begun.location, signal);
    index.forget(begun);
  }
}

/** What there is to know of the columns of all batches. */
class DatasetStatistics {
  schema: Schema | null = null;
  #columns: readonly ColumnStatistics[] = [];

  add(batch: RowBatch): void {
    if (this.schema === null) {
      this.schema = batch.schema;
      this.#columns = batch.schema.columns.map((column) => new ColumnStatistics(column));
    }
    for (let row = 0; row < batch.rows; row += 1) {
      const record = batch.record(row);
      for (const [i, column] of this.#columns.entries()) column.add(record[i] ?? null);
    }
  }

  profiles(): readonly ColumnProfile[] {
    return this.#columns.map((column) => column.profile());
  }
}

/** Rows as an output has them, with nothing scored. */
function asWritten(batch: RowBatch, sequence: number, split: string): ScoredBatch {
  const { schema, bytes, ends, origin } = batch;
  return {
    sequence,
    through: { split, after: origin.position },
    intake: schema,
    output: { schema, bytes, ends, release: () => batch.release() },
    tally: EMPTY_TALLY,
    deadLetters: [],
    intakeBytes: bytes.length,
    badBytes: 0,
    model: null,
  };
}
