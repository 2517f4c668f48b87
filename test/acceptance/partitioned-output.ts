import assert from 'node:assert/strict';
import { parquetReadObjects } from 'hyparquet';
import type { PartitionedStore } from '../../src/codecs/partitions/partitioned-options.ts';
import { createPartitionedSink } from '../../src/codecs/partitions/partitioned-sink.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Sink } from '../../src/core/sink.ts';
import type { PublishedLetter, PublishedOutput } from '../../src/testing.ts';
import { lettersIn } from './published-text.ts';

/** Hostile values; the empty text is null in a partition, and so not among them. */
const VALUES = [null, 'say "no"\n☂ 漢字', '../..', 'a/b=c%2F', '__HIVE_DEFAULT_PARTITION__'];

/** The limits make several files of the largest partitions. */
const LIMITS = { groupBytes: 200, fileBytes: 400, gatheredBytes: 1_200 };

export const PARTITIONED = {
  plan: { batches: 5, rowsPerBatch: 14, padding: 10, values: VALUES },
  killed: { batches: 4, rowsPerBatch: 12, padding: 0, values: VALUES.slice(0, 3) },
  every: { files: 17, objects: 23 },
};

/** The sink of a folder that is divided by the column `note`. @param open a store for each of the two that it wants. */
export function partitionedSink(prefix: string, overwrite: boolean, open: () => PartitionedStore): Sink {
  return createPartitionedSink({
    store: open(),
    spoolStore: open(),
    prefix,
    partitionColumns: ['note'],
    compression: 'snappy',
    overwrite,
    nearest: () => [],
    clock: systemClock,
    limits: LIMITS,
  });
}

type Read = (name: string) => Promise<Buffer | null>;

/**
 * What a reader finds: the rows of all files of the manifest, put in order by their ids, with the value of the partition in its place, and the
 * manifest as if there were one object of rows, with the checksums of all of them.
 */
export async function readPartitions(read: Read, names: readonly string[]): Promise<PublishedOutput | null> {
  if (!names.includes('_SUCCESS')) return null;
  const { partitionColumns, replaced: _, ...manifest } = await manifestOf(read);
  assert.deepEqual(partitionColumns, ['note']);
  const files = manifest.objects.filter(({ role }) => role === 'rows');
  const records: (string | null)[][] = [];
  for (const { name, records: rows } of files) {
    const found = (await parquetReadObjects({ file: arrayOf((await read(name))!) })) as Record<string, string | null>[];
    assert.equal(found.length, rows, name);
    for (const { delay_PREDICTION, id, padding, ...rest } of found) {
      assert.deepEqual(rest, {}, 'the column of the partition is not in the files');
      records.push([delay_PREDICTION!, noteOf(name), id!, padding!]);
    }
  }
  const letters = manifest.objects.filter(({ role }) => role === 'deadLetters');
  const rows = {
    role: 'rows' as const,
    name: files.map(({ name }) => name).join('\n'),
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    records: records.length,
    sha256: JSON.stringify(files),
  };
  return {
    columns: manifest.columns,
    records: records.toSorted((a, b) => Number(a[2]) - Number(b[2])),
    deadLetters: await lettersOf(read, letters[0]?.name, names),
    manifest: { ...manifest, objects: [rows, ...letters] },
  };
}

/** What is there that the output that is there does not own. */
export async function leftoversOfPartitions(read: Read, names: readonly string[]): Promise<readonly string[]> {
  if (!names.includes('_SUCCESS')) return names;
  const { objects } = await manifestOf(read);
  const own = new Set(['_SUCCESS', '_SUCCESS.manifest.json', ...objects.map(({ name }) => name)]);
  return names.filter((name) => !own.has(name));
}

async function manifestOf(read: Read): Promise<PublishedOutput['manifest']> {
  // Without its manifest an output is not finished, and the read fails as it should.
  return JSON.parse((await read('_SUCCESS.manifest.json'))!.toString()) as PublishedOutput['manifest'];
}

async function lettersOf(
  read: Read,
  name: string | undefined,
  names: readonly string[],
): Promise<readonly PublishedLetter[]> {
  assert.equal(names.includes('_SUCCESS.dead.jsonl'), name !== undefined);
  const text = name === undefined ? '' : (await read(name))!.toString();
  return lettersIn(text);
}

/** As Hive and Spark read it. */
function noteOf(name: string): string | null {
  const [, value = ''] = /^note=([^/]+)\/part-\d{5}-[0-9a-f]{8}\.parquet$/.exec(name) ?? assert.fail(name);
  return value === '__HIVE_DEFAULT_PARTITION__' ? null : decodeURIComponent(value);
}

function arrayOf(bytes: Buffer): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}
