import { fork } from 'node:child_process';
import { mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { createFileStore } from '../../connectors/file/file-store.ts';
import { compressionOf, decompress } from '../../src/codecs/compression.ts';
import { createWriter, outputFormatOf } from '../../src/codecs/formats.ts';
import { createObjectSink } from '../../src/codecs/objects/object-sink.ts';
import type { Sink } from '../../src/core/sink.ts';
import type {
  DyingMoment,
  DyingSinkPlace,
  OpenSinkPlace,
  PublishedOutput,
  SinkDriver,
  SinkPlanSize,
} from '../../src/testing.ts';
import { SinkPlan } from '../../src/testing.ts';
import { endings, killEvery } from '../support/effort.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { type OtherFormat, otherFormats } from './format-files.ts';
import { leftoversOfPartitions, PARTITIONED, partitionedSink, readPartitions } from './partitioned-output.ts';
import { csvRows, lettersIn } from './published-text.ts';

const CHILD = join(import.meta.dirname, 'killed-sink-child.ts');

/** Compressed outputs commit every 4 MiB only: their batches are large, and so their runs are killed at fewer places. */
const SMALL = {
  plan: { batches: 9, rowsPerBatch: 30, padding: 10 },
  killed: { batches: 4, rowsPerBatch: 20, padding: 0 },
  every: 1,
};
const LARGE = {
  plan: { batches: 14, rowsPerBatch: 15, padding: 110_000 },
  killed: { batches: 3, rowsPerBatch: 15, padding: 290_000 },
  every: 7,
};

/** A path that ends in a slash is a folder of partitions. */
export function fileSink(path: string, overwrite: boolean): Sink {
  if (path.endsWith('/')) return partitionedSink(path, overwrite, createFileStore);
  return createObjectSink({
    store: createFileStore(),
    key: path,
    writer: createWriter(outputFormatOf('auto', path), {}, compressionOf(path)),
    overwrite,
  });
}

/** Outputs that the whole kit can be tried with. */
export interface OpenOutputs extends Omit<SinkDriver, 'place'> {
  place(): Promise<DyingSinkPlace & OpenSinkPlace>;
}

/** JSON commits at every batch; the kills of CSV are those of all such outputs, and a few of them are enough. */
const FEW_KILLS = { ...SMALL, every: 17 };
/** Avro commits every 256 KiB. */
const MEDIUM = {
  plan: { batches: 14, rowsPerBatch: 15, padding: 6_500 },
  killed: { batches: 4, rowsPerBatch: 20, padding: 7_000 },
  every: 13,
};

/** Parquet commits every 8 MiB. */
const HUGE = {
  plan: { batches: 14, rowsPerBatch: 15, padding: 220_000 },
  killed: { batches: 4, rowsPerBatch: 15, padding: 350_000 },
  every: 11,
};

/** Outputs called `name`, each in a folder of its own. */
export function fileOutputs(name: string): OpenOutputs {
  const sizes = name.endsWith('.parquet')
    ? HUGE
    : name.endsWith('.avro')
      ? MEDIUM
      : name.includes('.json')
        ? FEW_KILLS
        : compressionOf(name) === 'none'
          ? SMALL
          : LARGE;
  return {
    plan: new SinkPlan(sizes.plan),
    killed: { plan: new SinkPlan(sizes.killed), every: killEvery(sizes.every) },
    endings,
    place: () => filePlace(name, sizes.killed),
  };
}

async function filePlace(name: string, killed: SinkPlanSize): Promise<DyingSinkPlace & OpenSinkPlace> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-output-'));
  const path = join(folder, name);
  const own = new Set([name, `${name}.dead.jsonl`, `${name}.manifest.json`]);
  return {
    sink: ({ overwrite }) => fileSink(path, overwrite),
    published: () => readOutput(path),
    leftovers: async () => {
      const names = await readdir(folder);
      // What stands beside an output that is not there is left over too.
      return names.filter((found) => !own.has(found) || !names.includes(name)).map((found) => basename(found));
    },
    spoil: () => spoilFile(`${path}.partial`),
    killedRun: (size, operation) => killedRun(path, size, operation),
    diedRun: async (moment) => {
      if ((await killedRun(path, killed, moment)) !== 'killed') throw new Error('the run did not die');
    },
    // Files have no passwords.
    secrets: [],
    contents: async () => {
      const names = await readdir(folder);
      return await Promise.all(names.map(async (found) => `${found}\n${await readFile(join(folder, found), 'utf8')}`));
    },
    close: () => rm(folder, { recursive: true }),
  };
}

/** Folders of Parquet files that are divided by the column `note`. */
export function filePartitions(): SinkDriver {
  return {
    plan: new SinkPlan(PARTITIONED.plan),
    killed: { plan: new SinkPlan(PARTITIONED.killed), every: killEvery(PARTITIONED.every.files) },
    endings,
    sideBySide: 2,
    place: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'sluice-output-'));
      const path = `${folder}/`;
      const read = (name: string): Promise<Buffer | null> => readFile(join(folder, name)).catch(whenMissing);
      const names = async (): Promise<readonly string[]> =>
        (await readdir(folder, { recursive: true, withFileTypes: true }))
          .filter((entry) => entry.isFile())
          .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
      return {
        sink: ({ overwrite }) => fileSink(path, overwrite),
        published: async () => readPartitions(read, await names()),
        leftovers: async () => leftoversOfPartitions(read, await names()),
        spoil: () => spoilFile(join(folder, '.rows.csv.partial')),
        killedRun: (size, operation) => killedRun(path, size, operation),
        close: () => rm(folder, { recursive: true }),
      };
    },
  };
}

async function spoilFile(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, 100);
  byte[0] = byte[0]! ^ 1;
  await file.write(byte, 0, 1, 100);
}

async function killedRun(
  path: string,
  size: SinkPlanSize,
  operation: number | DyingMoment,
): Promise<'killed' | 'finished'> {
  return await endOfRun(fork(CHILD, [path, JSON.stringify(size), String(operation)], { stdio: 'inherit' }));
}

async function readOutput(path: string): Promise<PublishedOutput | null> {
  const stored = await readFile(path).catch(whenMissing);
  if (stored === null) return null;
  const unpacked = decompress(compressionOf(path), Readable.from([stored]), path, new AbortController().signal);
  const chunks: Buffer[] = [];
  for await (const chunk of unpacked) chunks.push(Buffer.from(chunk));
  const bytes = Buffer.concat(chunks);
  // Without its manifest an output is not finished, and the read fails as it should.
  const manifest = JSON.parse(await readFile(`${path}.manifest.json`, 'utf8')) as PublishedOutput['manifest'];
  const letters = (await readFile(`${path}.dead.jsonl`, 'utf8').catch(whenMissing)) ?? '';
  const format = outputFormatOf('auto', path);
  const { columns, records } = format === 'csv' ? csvRows(bytes) : await othersOf(format, bytes, manifest);
  return {
    columns,
    records,
    deadLetters: lettersIn(letters),
    manifest,
  };
}

type Rows = Pick<PublishedOutput, 'columns' | 'records'>;

async function othersOf(format: OtherFormat, bytes: Buffer, manifest: PublishedOutput['manifest']): Promise<Rows> {
  const { columns, rows } = await otherFormats[format].read(bytes);
  return {
    columns: columns ?? manifest.columns,
    records: rows.map((row) => Object.values(row)),
  };
}

function whenMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
