import { mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createFileStore } from '../../connectors/file/file-store.ts';
import { createReaders } from '../../src/codecs/formats.ts';
import { createObjectSource } from '../../src/codecs/objects/object-source.ts';
import type { PartitionedStore } from '../../src/codecs/partitions/partitioned-options.ts';
import type { Manifest } from '../../src/core/ledger.ts';
import { type JobInput, runJob } from '../../src/index.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
import { verifyNamedOutput } from '../../src/jobs/verify-named-output.ts';
import { type ModelServer, startModelServer } from '../../src/model-server/index.ts';
import { SinkPlan } from '../../src/testing.ts';
import { PARTITIONED, partitionedSink } from '../acceptance/partitioned-output.ts';
import { sluice } from '../support/command-line.ts';

const root = join(import.meta.dirname, '../..');
const FLIGHTS = join(root, 'config/examples/flights.csv');
const { signal } = new AbortController();
let folder = '';
let models: ModelServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-partitions-'));
  models = await startModelServer({ models: join(root, 'models'), port: 0 });
});
afterAll(async () => {
  await models.close();
  rmSync(folder, { recursive: true, force: true });
});

const path = (name: string): string => join(folder, name);
const job = (
  outputSettings: JobInput['outputSettings'],
  intakeSettings: JobInput['intakeSettings'] = { file: path('some.csv') },
): JobInput => ({
  deployment: { id: 'flights', server: models.url },
  passthroughColumns: ['flight_id', 'origin', 'destination'],
  intakeSettings,
  outputSettings,
});
const byOrigin = (name: string) => ({
  path: `${path(name)}/`,
  format: 'parquet' as const,
  partitionColumns: ['origin', 'destination'],
});

function filesIn(name: string): string[] {
  return readdirSync(path(name), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(path(name), join(entry.parentPath, entry.name)))
    .toSorted();
}

/** What an intake of Parquet reads, with the file of each row. */
async function rowsOf(pattern: string): Promise<{ readonly split: string; readonly row: readonly unknown[] }[]> {
  await using source = createObjectSource({
    store: createFileStore(),
    patterns: [path(pattern)],
    readers: createReaders({}),
    compression: 'auto',
  });
  const rows: { split: string; row: readonly unknown[] }[] = [];
  await source.identity(signal);
  const limits = { rows: 1_000, bytes: 1_000_000, lingerMs: Number.POSITIVE_INFINITY };
  for (const split of await source.splits(signal))
    for await (const batch of source.read(split, null, limits, signal))
      for (const row of batch.records()) rows.push({ split: split.id, row });
  return rows;
}

function manifestIn(name: string): Manifest {
  return JSON.parse(readFileSync(path(`${name}/_SUCCESS.manifest.json`), 'utf8')) as Manifest;
}

const isData = (name: string): boolean => name.endsWith('.parquet');

describe('a job with partitionColumns', () => {
  const many = 'many.csv';
  beforeAll(async () => {
    const [header, row = '', ...more] = readFileSync(FLIGHTS, 'utf8').split('\n');
    writeFileSync(path('some.csv'), `${[header, row, ...more.slice(0, 59)].join('\n')}\n`);
    const rows = Array.from({ length: 1_100 }, (_, i) => row.replace(/^\d+/, String(i)));
    writeFileSync(path(many), `${[header, ...rows].join('\n')}\n`);
    await runJob(job(byOrigin('whole'))).result;
  });

  test('has each row in the folder of its values, read back by an intake, and verify finds it whole', async () => {
    await runJob(job({ path: path('golden.csv') })).result;
    const golden = readFileSync(path('golden.csv'), 'utf8').trimEnd().split('\n').slice(1);
    const manifest = manifestIn('whole');
    expect(manifest).toMatchObject({
      columns: ['delay_PREDICTION', 'flight_id', 'origin', 'destination'],
      partitionColumns: ['origin', 'destination'],
      tally: { read: 60, scored: 60 },
    });
    expect(filesIn('whole').filter(isData)).toEqual(manifest.objects.map(({ name }) => name).toSorted());
    const found = (await rowsOf('whole/**/part-*.parquet')).map(({ split, row }) => {
      const [, origin, destination] = /origin=(\w+)\/destination=(\w+)\/part-00000-/.exec(split) ?? [];
      return [...row, origin, destination].join(',');
    });
    expect(found.toSorted()).toEqual(golden.toSorted());
    expect(await sluice(['verify', 'whole/'], { cwd: folder })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('whole/: whole. 60 rows scored, 0 failed, 0 skipped'),
    });
    expect((await verifyNamedOutput(path('whole'))).problems).toEqual([]);
  });

  test('verify names a file that is missing, one that was changed, and a mark that is gone', async () => {
    await runJob(job(byOrigin('spoiled'))).result;
    const [gone = '', changed = ''] = filesIn('spoiled').filter(isData);
    const bytes = readFileSync(path(`spoiled/${changed}`));
    bytes[20] = bytes[20]! ^ 1;
    writeFileSync(path(`spoiled/${changed}`), bytes);
    unlinkSync(path(`spoiled/${gone}`));
    const { problems } = await verifyNamedOutput(path('spoiled/'));
    expect(problems).toEqual(
      expect.arrayContaining([
        expect.stringContaining(`${gone} is missing`),
        expect.stringMatching(new RegExp(`${changed} has SHA-256`)),
      ]),
    );
    unlinkSync(path('spoiled/_SUCCESS'));
    expect((await verifyNamedOutput(path('spoiled/'))).problems).toEqual([
      expect.stringContaining('There is no output'),
    ]);
  });

  test('is replaced as a whole: files of before that are not of the new output are gone', async () => {
    const before = new Set(filesIn('whole').filter(isData));
    await expect(runJob(job(byOrigin('whole'))).result).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
    });
    await runJob({ ...job(byOrigin('whole')), predictionThreshold: null }, { overwrite: true }).result;
    const files = filesIn('whole').filter(isData);
    expect(files.filter((name) => before.has(name))).toEqual([]);
    expect(files).toEqual(
      manifestIn('whole')
        .objects.map(({ name }) => name)
        .toSorted(),
    );
    expect((await verifyNamedOutput(path('whole/'))).problems).toEqual([]);
  });

  test.each([
    [['orign'], 'COLUMN_UNKNOWN', /"orign".*did you mean "origin"/],
    [['flight_id'], 'OUTPUT_TYPE', /more than 1000 .*"flight_id"/],
  ])('by %j it ends before anything is seen: %s', async (partitionColumns, code, message) => {
    const output = { ...byOrigin('no'), partitionColumns };
    const failed: unknown = await runJob(job(output, { file: path(many) })).result.catch((error: unknown) => error);
    expect(failed).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(filesIn('no').filter((name) => isData(name) || name === '_SUCCESS')).toEqual([]);
    rmSync(path('no'), { recursive: true });
  });

  test.each([
    [{ path: 'a/', partitionColumns: ['x'] }, {}, /format.*must be parquet/],
    [{ path: 'a', format: 'parquet', partitionColumns: ['x'] }, {}, /path.*with a slash at its end/],
    [{ path: '-', format: 'parquet', partitionColumns: ['x'] }, {}, /with a slash at its end/],
    [{ path: 'a/', format: 'parquet', partitionColumns: ['x', 'x'] }, {}, /names a column twice/],
    [{ type: 's3', url: 's3://b/k', format: 'parquet', partitionColumns: ['x'] }, {}, /url.*with a slash at its end/],
    [
      { path: 'a/', format: 'parquet', partitionColumns: ['x'] },
      { type: 'kafka', topic: 't', group: 'g' },
      /cannot be given for a live topic/,
    ],
  ])('%j is refused with its field', (outputSettings, intake, message) => {
    const given = { ...job(outputSettings as never), intakeSettings: { file: FLIGHTS, ...intake } };
    if ('type' in intake) Reflect.deleteProperty(given.intakeSettings, 'file');
    expect(() => resolveJob(given as never)).toThrow(message);
  });
});

describe('the sink of a folder of partitions', () => {
  const plan = new SinkPlan(PARTITIONED.plan);
  const other = new SinkPlan({ ...PARTITIONED.plan, batches: 3, padding: 4 });

  /** A file store in which nothing is put, or nothing of ours removed, any more after so many times. */
  function failing(puts: number, removes = Number.POSITIVE_INFINITY): () => PartitionedStore {
    const store = createFileStore();
    const left = { puts, removes };
    return () => ({
      ...store,
      put: async (key, bytes, stop) => {
        left.puts -= 1;
        if (left.puts < 0) throw new Error('died while it put');
        await store.put(key, bytes, stop);
      },
      remove: async (key, stop) => {
        if (isData(key)) left.removes -= 1;
        if (left.removes < 0) throw new Error('died while it removed');
        await store.remove(key, stop);
      },
    });
  }

  async function run(
    name: string,
    of: SinkPlan,
    { overwrite = false, open }: { readonly overwrite?: boolean; readonly open?: () => PartitionedStore } = {},
  ): Promise<void> {
    await using sink = partitionedSink(`${path(name)}/`, overwrite, open ?? createFileStore);
    const from = (await sink.open(of.job, signal))?.sequence ?? 0;
    for (let at = from; at < of.size.batches; at += 1) {
      await sink.write(of.batch(at), of.schema, signal);
      await sink.commit(signal);
    }
    await sink.publish(of.facts(), of.schema, signal);
  }

  const owned = (name: string): string[] => [
    ...manifestIn(name).objects.map((object) => object.name),
    '_SUCCESS',
    '_SUCCESS.manifest.json',
  ];

  test('a run that is divided in part and thrown away leaves none of its files beside those of the next one', async () => {
    await expect(run('thrown', plan, { open: failing(3) })).rejects.toThrow('died while it put');
    expect(filesIn('thrown').filter(isData)).toHaveLength(3);
    expect(filesIn('thrown')).not.toContain('_SUCCESS');
    await run('thrown', other, { overwrite: true });
    expect(filesIn('thrown')).toEqual(owned('thrown').toSorted());
  });

  test('an output that is replaced by a run that dies while it is divided stays whole, and the next run completes the new one', async () => {
    await run('replaced', plan);
    const before = owned('replaced');
    await expect(run('replaced', other, { overwrite: true, open: failing(2) })).rejects.toThrow('died while it put');
    expect(owned('replaced')).toEqual(before);
    expect(filesIn('replaced')).toEqual(expect.arrayContaining(before));
    // It need not be told again that it may replace what is there.
    await expect(run('replaced', other)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(manifestIn('replaced').tally).toEqual(other.facts().tally);
    expect(filesIn('replaced')).toEqual(owned('replaced').toSorted());
  });

  test('files of a replaced output that a run died over are removed by the next one, whatever it wants', async () => {
    await run('swept', plan);
    await expect(run('swept', other, { overwrite: true, open: failing(Number.POSITIVE_INFINITY, 2) })).rejects.toThrow(
      'died while it removed',
    );
    expect(filesIn('swept').length).toBeGreaterThan(owned('swept').length);
    await expect(run('swept', plan)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(filesIn('swept')).toEqual(owned('swept').toSorted());
  });

  test('rows that were changed by somebody else after the last of them are not divided', async () => {
    await expect(run('changed', plan, { open: failing(0) })).rejects.toThrow('died while it put');
    const rows = readFileSync(path('changed/.rows.csv'));
    rows[rows.length - 3] = rows[rows.length - 3]! ^ 1;
    writeFileSync(path('changed/.rows.csv'), rows);
    await expect(run('changed', plan)).rejects.toMatchObject({ code: 'LEDGER_BROKEN' });
    expect(filesIn('changed')).not.toContain('_SUCCESS');
    await run('changed', other, { overwrite: true });
    expect((await verifyNamedOutput(path('changed/'))).manifest?.tally).toEqual(other.facts().tally);
  });

  test('a manifest that was changed removes no file that is not one of a partition', async () => {
    await run('hostile', plan);
    writeFileSync(path('precious.parquet'), 'precious');
    const manifest = manifestIn('hostile');
    const replaced = ['../precious.parquet', 'note=x/../../precious.parquet', 'note=x/part-00000-00000000.parquet'];
    writeFileSync(path('hostile/_SUCCESS.manifest.json'), JSON.stringify({ ...manifest, replaced }));
    await expect(run('hostile', plan)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(readFileSync(path('precious.parquet'), 'utf8')).toBe('precious');
  });
});
