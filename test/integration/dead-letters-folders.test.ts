import { fork } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { createFileStore } from '../../connectors/file/file-store.ts';
import { FolderExchange, type FolderExchangeOptions } from '../../src/codecs/partitions/folder-exchange.ts';
import { systemClock } from '../../src/core/clock.ts';
import { type JobInput, runJob } from '../../src/index.ts';
import { letterKey } from '../../src/jobs/dead-letters/replay-options.ts';
import { verifyNamedOutput } from '../../src/jobs/verify-named-output.ts';
import { sluice } from '../support/command-line.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { type JobToPath, ReplayScene } from '../support/replay-scene.ts';
import {
  dataIn,
  type FoundFolder,
  filesIn,
  manifestOf,
  objectsIn,
  readByManifest,
  readByMark,
  rowsIn,
} from '../support/replayed-folders.ts';
import { lettersOf, refusesBad, replay, writeJob } from '../support/replays.ts';
import { needs } from '../support/services/needs.ts';
import { s3Bucket } from '../support/services/s3.ts';

const { signal } = new AbortController();
const ROWS = 210;
const scene = await ReplayScene.open(ROWS);
const { folder, server, bad: BAD } = scene;
beforeEach(() => {
  server.options = { ...refusesBad, rejectAs: 'row' };
});

function jobTo(changes: Partial<JobInput> = {}, partitionColumns = ['grade']): JobToPath {
  const ours = { passthroughColumns: ['id', 'text', 'grade'], abortOnError: false };
  return scene.jobTo('out/', { ...ours, ...changes }, { format: 'parquet', partitionColumns });
}

/** The rows of each partition that a run gives in which no row was ever bad. */
async function undisturbed(changes: Partial<JobInput> = {}, partitionColumns?: string[]) {
  const before = server.options;
  server.options = before.predict === undefined ? {} : { predict: before.predict };
  const job = jobTo(changes, partitionColumns);
  await runJob(job).result;
  server.options = before;
  return await readByManifest(filesIn(job.path));
}

async function assertWhole(path: string): Promise<void> {
  const found = filesIn(path);
  const letters = manifestOf(found).objects.flatMap(({ role, name }) => (role === 'deadLetters' ? [name] : []));
  expect([...found.keys()]).toEqual([...dataIn(found), '_SUCCESS', '_SUCCESS.manifest.json', ...letters].toSorted());
  expect(await readByMark(found)).toEqual(await readByManifest(found));
  expect((await verifyNamedOutput(path)).problems).toEqual([]);
}

describe('a replay of a folder that is divided by columns', () => {
  test('puts each row into its place in the folder of its partition; files without a bad row stay; once more changes nothing', async () => {
    const job = jobTo();
    await runJob(job).result;
    const first = filesIn(job.path);
    // Rows of one grade are bad still, and so are those of another one that came late.
    const isLate = (id: number): boolean => id % 5 === 2 || (id % 5 === 4 && id > 100);
    server.options = {
      reject: ([id, text]) => (text === 'bad' && isLate(Number(id)) ? 'still bad' : null),
      rejectAs: 'row',
    };
    const late = BAD.filter(isLate);
    const asked = server.requests.length;
    expect(await replay(job)).toMatchObject([{ letters: BAD.length, scored: BAD.length - late.length, untried: 0 }]);
    expect(server.requests.slice(asked).reduce((sum, { rows }) => sum + rows.length, 0)).toBe(BAD.length);
    await assertWhole(job.path);
    const whole = await undisturbed();
    const partly = await readByManifest(filesIn(job.path));
    for (const [path, rows] of Object.entries(partly)) {
      const shown = (text: string) => JSON.parse(text) as { id: string; prediction_status: string };
      expect(rows.map((row) => shown(row).id)).toEqual(whole[path]!.map((row) => shown(row).id));
      for (const [at, row] of rows.entries())
        if (late.includes(Number(shown(row).id))) expect(shown(row).prediction_status).toContain('still bad');
        else expect(row).toBe(whole[path]![at]);
    }
    const left = await lettersOf(job);
    expect(left.map(({ row, attempts }) => [row, attempts])).toEqual(late.map((id) => [id, 2]));
    for (const { reason } of left) expect(reason).toContain('still bad');

    server.options = {};
    const file = writeJob(join(folder, 'job.json'), job);
    const { stdout, stderr, code } = await sluice(['dlq', 'replay', file]);
    expect([stderr, code]).toEqual(['', 0]);
    expect(stdout).toBe(`${job.path}: ${late.length} dead letters; ${late.length} scored now, 0 failed again\n`);
    await assertWhole(job.path);
    const last = filesIn(job.path);
    expect(await readByManifest(last)).toEqual(whole);
    expect(manifestOf(last).tally).toEqual({ read: ROWS, scored: ROWS, failed: 0, skipped: 0 });
    expect(await lettersOf(job)).toEqual([]);
    const grade0 = dataIn(last).filter((name) => name.startsWith('grade=0/'));
    expect(grade0.some((name) => first.has(name))).toBe(false);
    expect(await replay(job)).toMatchObject([{ letters: 0, scored: 0 }]);
    expect(filesIn(job.path)).toEqual(last);
    expect(await sluice(['verify', job.path])).toMatchObject({ code: 0 });
  });

  test('has the model of each row where it is asked for, of rows of before and of now', async () => {
    server.options = { ...server.options, modelId: 'm1' };
    const changes = { includeModelVersion: true };
    const job = jobTo(changes);
    await runJob(job).result;
    server.options = { modelId: 'm2' };
    await expect(replay(job)).rejects.toMatchObject({ code: 'MODEL_CHANGED' });
    expect(await replay(job, { anyModel: true })).toMatchObject([{ scored: BAD.length }]);
    await assertWhole(job.path);
    const found = filesIn(job.path);
    expect(manifestOf(found).models?.map(({ rows }) => rows)).toEqual([ROWS - BAD.length, BAD.length]);
    const rows = Object.values(await readByManifest(found)).flat();
    expect(rows.filter((row) => row.includes('"m2"'))).toHaveLength(BAD.length);
  });

  test('leaves the files of partitions in which no row was bad', async () => {
    const job = jobTo();
    server.options = { reject: ([id, , grade]) => (grade === '1' && Number(id) < 50 ? 'bad' : null), rejectAs: 'row' };
    await runJob(job).result;
    const before = filesIn(job.path);
    server.options = {};
    expect(await replay(job)).toMatchObject([{ scored: 10 }]);
    const after = filesIn(job.path);
    const kept = dataIn(before).filter((name) => !name.startsWith('grade=1/'));
    expect(dataIn(after)).toEqual(expect.arrayContaining([...kept]));
    for (const name of kept) expect(after.get(name)).toEqual(before.get(name));
    expect(await readByManifest(after)).toEqual(await undisturbed());
    await assertWhole(job.path);
  });

  test('brings a row whose partition is another one now to a file of its own there, also to a partition that is new', async () => {
    // By the prediction itself: rows without one are in the partition of null.
    server.options = { ...server.options, predict: ([, , grade]) => (grade === '3' ? '7.5' : '1') };
    server.options = {
      ...server.options,
      reject: ([, text, grade]) => (text === 'bad' || grade === '3' ? 'no' : null),
    };
    const job = jobTo({}, ['y_PREDICTION']);
    await runJob(job).result;
    const isNull = (name: string): boolean => name.includes('__HIVE_DEFAULT_PARTITION__');
    expect(Object.keys(await readByManifest(filesIn(job.path)))).toHaveLength(2);
    const { predict } = server.options;
    server.options = { reject: ([id]) => (id === '10' ? 'no' : null), rejectAs: 'row', predict: predict! };
    await replay(job);
    await assertWhole(job.path);
    const rows = await readByManifest(filesIn(job.path));
    expect(Object.entries(rows).find(([path]) => isNull(path))?.[1]).toHaveLength(1);
    server.options = { predict: predict! };
    expect(await replay(job)).toMatchObject([{ letters: 1, scored: 1 }]);
    await assertWhole(job.path);
    const found = filesIn(job.path);
    expect(dataIn(found).filter(isNull)).toEqual([]);
    const whole = await undisturbed({}, ['y_PREDICTION']);
    const sorted = (of: typeof whole) => Object.fromEntries(Object.entries(of).map(([k, v]) => [k, v.toSorted()]));
    expect(sorted(await readByManifest(found))).toEqual(sorted(whole));
  });

  test('whose rows look alike, with quotes in them, finds each of them', async () => {
    const lines = Array.from(
      { length: 60 },
      (_, i) => `{"id":${i},"amount":${i % 4 === 1 ? '7.50' : '1e2'},"grade":${i % 2},"note":"q \\"x\\", ☂"}`,
    );
    writeFileSync(join(folder, 'odd.jsonl'), `${lines.join('\n')}\n`);
    const changes = {
      intakeSettings: { file: join(folder, 'odd.jsonl') },
      passthroughColumns: ['amount', 'grade', 'note'],
      includePredictionStatus: false,
    };
    server.options = { reject: ([, amount]) => (amount === '7.50' ? 'bad' : null), rejectAs: 'row' };
    const job = jobTo(changes);
    await runJob(job).result;
    server.options = {};
    expect(await replay(job)).toMatchObject([{ scored: 15, failed: 0 }]);
    await assertWhole(job.path);
    expect(await readByManifest(filesIn(job.path))).toEqual(await undisturbed(changes));
  });

  test('takes corrected rows, and changes nothing where nothing can be scored, or replies are broken', async () => {
    const job = jobTo();
    await runJob(job).result;
    const before = filesIn(job.path);
    expect(await replay(job)).toMatchObject([{ scored: 0, failed: BAD.length }]);
    expect(filesIn(job.path)).toEqual(before);
    const at = server.requests.length;
    server.options = { respond: ({ number }) => (number > at ? { edit: (records) => records.slice(1) } : undefined) };
    await expect(replay({ ...job, chunkRows: 10, numConcurrent: 1 })).rejects.toMatchObject({ code: 'REPLY_MISMATCH' });
    expect(filesIn(job.path)).toEqual(before);
    server.options = { ...refusesBad, rejectAs: 'row' };
    const [letter] = await lettersOf(job);
    const mended = new Map([[letterKey(letter!), Buffer.from('3,mended,3')]]);
    expect(await replay(job, { mended })).toMatchObject([{ scored: 1, failed: BAD.length - 1 }]);
    await assertWhole(job.path);
    const rows = (await readByManifest(filesIn(job.path)))['grade=3']!;
    expect(rows.filter((row) => row.includes('mended'))).toHaveLength(1);
    expect(rows).toHaveLength(ROWS / 5);
  });

  test('has its dead letters in a place of their own where the job has', async () => {
    const path = join(folder, 'letters.jsonl');
    const job = jobTo({ deadLetters: { path } });
    await runJob(job).result;
    server.options = { reject: ([id]) => (id === '10' ? 'no' : null), rejectAs: 'row' };
    expect(await replay(job)).toMatchObject([{ scored: BAD.length - 1, failed: 1 }]);
    expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toHaveLength(1);
    expect((await verifyNamedOutput(job.path)).problems).toEqual([]);
    server.options = {};
    expect(await replay(job)).toMatchObject([{ letters: 1, scored: 1 }]);
    expect(existsSync(path)).toBe(false);
    await assertWhole(job.path);
    expect(await readByManifest(filesIn(job.path))).toEqual(await undisturbed());
  });

  test('refuses a folder in which a file was changed, and leaves it as it was', async () => {
    const job = jobTo();
    await runJob(job).result;
    server.options = {};
    const [name = ''] = dataIn(filesIn(job.path)).filter((one) => one.startsWith('grade=3/'));
    const bytes = readFileSync(join(job.path, name));
    bytes[20] = bytes[20]! ^ 1;
    writeFileSync(join(job.path, name), bytes);
    const before = filesIn(job.path);
    await expect(replay(job)).rejects.toMatchObject({ code: 'VERIFY_FAILED', message: expect.stringContaining(name) });
    expect(filesIn(job.path)).toEqual(before);
  });

  test('keeps a run of the job out while it works, and a run that was interrupted keeps it out', async () => {
    const job = jobTo();
    await runJob(job).result;
    const working = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    server.options = {
      respond: () => {
        asked.resolve();
        return { after: working.promise };
      },
    };
    const replaying = replay(job);
    await asked.promise;
    await expect(runJob(job, { overwrite: true }).result).rejects.toMatchObject({ code: 'OUTPUT_LOCKED' });
    await expect(replay(job)).rejects.toMatchObject({ code: 'OUTPUT_LOCKED' });
    working.resolve();
    expect(await replaying).toMatchObject([{ scored: BAD.length }]);
    const other = jobTo();
    mkdirSync(other.path);
    await expect(replay(other)).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      message: expect.stringContaining('There is no output'),
    });
    expect(filesIn(other.path).size).toBe(0);
  });
});

describe('a folder whose replay was killed while files were exchanged', () => {
  const CHILD = join(import.meta.dirname, '../support/killed-replay-child.ts');

  /** A job with such a folder, and what it was before. */
  async function killed(): Promise<{ readonly job: JobToPath; readonly before: FoundFolder }> {
    const job = jobTo();
    await runJob(job).result;
    const before = filesIn(job.path);
    server.options = {};
    const file = writeJob(join(folder, 'killed.json'), job);
    for (let operation = 12; filesIn(job.path).has('_SUCCESS'); operation += 4)
      expect(await endOfRun(fork(CHILD, [file, 'files', String(operation)], { stdio: 'inherit' }))).toBe('killed');
    return { job, before };
  }

  test('has its dead letters still, says that it is not whole, and is as it was before when the job is run again', async () => {
    const { job, before } = await killed();
    expect(await lettersOf(job)).toHaveLength(BAD.length);
    expect((await verifyNamedOutput(job.path)).problems).toEqual([expect.stringContaining('is unfinished')]);
    await expect(runJob(job).result).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: expect.stringContaining('a replay of its dead letters was interrupted, which is undone now'),
    });
    expect(filesIn(job.path)).toEqual(before);
    await assertWhole(job.path);
    expect(await replay(job)).toMatchObject([{ scored: BAD.length }]);
    await assertWhole(job.path);
  });

  test('is replaced by --overwrite, and no file of it is left', async () => {
    const { job, before } = await killed();
    await runJob(job, { overwrite: true }).result;
    await assertWhole(job.path);
    const found = filesIn(job.path);
    expect(dataIn(found).filter((name) => before.has(name))).toEqual([]);
    expect(await readByManifest(found)).toEqual(await undisturbed());
  });
});

describe('readers of a folder during a replay', () => {
  test('see all rows as they were or all as they are now, by the manifest at every step and by the mark when it is there', async () => {
    const job = jobTo();
    await runJob(job).result;
    const before = await readByManifest(filesIn(job.path));
    const whole = await undisturbed();
    const seen = { before: 0, after: 0, waits: 0 };
    const look = async (): Promise<void> => {
      const found = filesIn(job.path);
      const byManifest = await readByManifest(found);
      const isAfter = JSON.stringify(byManifest) === JSON.stringify(whole);
      if (!isAfter) expect(byManifest).toEqual(before);
      const byMark = await readByMark(found);
      if (byMark !== null) expect(byMark).toEqual(byManifest);
      seen[byMark === null ? 'waits' : isAfter ? 'after' : 'before'] += 1;
    };
    const store = createFileStore();
    const watched: FolderExchangeOptions['store'] = {
      ...store,
      put: (...args) => look().then(() => store.put(...args)),
      remove: (...args) => look().then(() => store.remove(...args)),
    };
    const options = {
      store: watched,
      prefix: job.path,
      compression: 'snappy',
      nearest: () => [],
      clock: systemClock,
    } as const;
    await using exchange = await FolderExchange.open(options, signal);
    const rows = Object.entries(before).flatMap(([path, own]) =>
      own.map((text, i) => [path.slice(-1), JSON.parse(text), JSON.parse(whole[path]![i]!)] as const),
    );
    const record = (grade: string, row: Record<string, string | number | null>): Buffer =>
      Buffer.from(`${[row.y_PREDICTION ?? '', row.prediction_status, row.id, row.text, grade].join(',')}\n`);
    expect(exchange.manifest.columns).toEqual(['y_PREDICTION', 'prediction_status', 'id', 'text', 'grade']);
    const changed = rows.filter(([, was]) => was.y_PREDICTION === null);
    expect(changed).toHaveLength(BAD.length);
    // Twice, as when there are more than are gathered: files of the first time are put again.
    const half = changed.length >> 1;
    for (const some of [changed.slice(0, half), changed.slice(half)]) {
      const exchanged = some.map(([grade, was, now]) => ({ before: record(grade, was), now: record(grade, now) }));
      await exchange.exchange(exchanged, signal);
    }
    const { objects: _, columns: __, ...facts } = exchange.manifest;
    await exchange.finish({ ...facts, tally: { read: ROWS, scored: ROWS, failed: 0, skipped: 0 } }, signal);
    await look();
    expect(seen.waits).toBeGreaterThan(5);
    expect(seen.before).toBeGreaterThan(0);
    expect(seen.after).toBe(1);
    await assertWhole(job.path);
  });
});

needs('s3')('a replay of a folder in S3 that is divided by columns', () => {
  test('completes it to what a run gives that never had a bad row', async () => {
    const place = await s3Bucket();
    const { endpointUrl, accessKeyId: awsAccessKeyId, secretAccessKey: awsSecretAccessKey } = place;
    const job: JobInput = {
      ...jobTo(),
      outputSettings: {
        type: 's3',
        url: `s3://${place.bucket}/scored/`,
        endpointUrl,
        credentials: { awsAccessKeyId, awsSecretAccessKey },
        format: 'parquet',
        partitionColumns: ['grade'],
      },
    };
    await runJob(job).result;
    expect(await lettersOf(job)).toHaveLength(BAD.length);
    server.options = { reject: ([id, text]) => (text === 'bad' && Number(id) > 100 ? 'late' : null), rejectAs: 'row' };
    const late = BAD.filter((id) => id > 100);
    expect(await replay(job)).toMatchObject([{ scored: BAD.length - late.length, failed: late.length }]);
    expect((await lettersOf(job)).map(({ row }) => row)).toEqual(late);
    server.options = {};
    expect(await replay(job)).toMatchObject([{ scored: late.length, failed: 0 }]);
    const found = await objectsIn(place, 'scored/');
    expect([...found.keys()].toSorted()).toEqual([...dataIn(found), '_SUCCESS', '_SUCCESS.manifest.json'].toSorted());
    expect(await readByManifest(found)).toEqual(await undisturbed());
    expect(await rowsIn(found, dataIn(found))).toEqual(await readByManifest(found));
    expect(await replay(job)).toMatchObject([{ letters: 0 }]);
    expect(await objectsIn(place, 'scored/')).toEqual(found);
  });
});
