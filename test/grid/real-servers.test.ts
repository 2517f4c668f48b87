import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { type JobInput, runJob } from '../../src/index.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
import { examineJob } from '../../src/jobs/doctor/examine-job.ts';
import { type RealModel, type RealServer, startDrum, startMlflow, startMlserver } from '../support/real-servers.ts';

const ROWS = 5_000;
const BAD = new Set([0, 17, 18, 2_500, 4_999]);
const cell = (row: number, column: number): number => (((row * 31 + column * 977) % 4001) - 2000) / 1000;
/** What the regression predicts exactly; see real-servers/models.py. */
const y = (row: number): number => 2 * cell(row, 0) + 3 * cell(row, 1) - cell(row, 2) + 1;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-real-'));
  const rows = (bad: ReadonlySet<number>, what: string): string =>
    Array.from(
      { length: ROWS },
      (_, row) => `${row},${bad.has(row) ? what : cell(row, 0)},${cell(row, 1)},${cell(row, 2)}\n`,
    ).join('');
  writeFileSync(join(folder, 'rows.csv'), `id,a,b,c\n${rows(new Set(), '')}`);
  writeFileSync(join(folder, 'bad.csv'), `id,a,b,c\n${rows(BAD, 'abc')}`);
  writeFileSync(join(folder, 'blank.csv'), `id,a,b,c\n${rows(BAD, '')}`);
  writeFileSync(
    join(folder, 'lacking.csv'),
    `id,a,b\n${Array.from({ length: ROWS }, (_, row) => `${row},1,2\n`).join('')}`,
  );
  writeFileSync(join(folder, 'features.csv'), `a,b,c\n${rows(new Set(), '').replaceAll(/^\d+,/gm, '')}`);
});
afterAll(() => rmSync(folder, { recursive: true }));

type Deployment = JobInput['deployment'];
type Scored = Readonly<Record<string, string>>;

const jobOf = (deployment: Deployment, file: string, output: string): JobInput => ({
  deployment,
  intakeSettings: { file: join(folder, file) },
  outputSettings: { path: join(folder, output) },
  numConcurrent: 4,
  chunkRows: 500,
  retry: { budgetSeconds: 20 },
  passthroughColumns: file === 'features.csv' ? [] : ['id'],
});

async function score(deployment: Deployment, file = 'rows.csv'): Promise<readonly Scored[]> {
  const output = `${deployment!.wire}-${Math.random()}.csv`;
  await runJob(jobOf(deployment, file, output)).result;
  return parse(readFileSync(join(folder, output)), { columns: true });
}

async function dead(deployment: Deployment, file: string): Promise<readonly { row: number; reason: string }[]> {
  const output = `${deployment!.wire}-${Math.random()}.csv`;
  await runJob(jobOf(deployment, file, output)).result;
  const lines = readFileSync(join(folder, `${output}.dead.jsonl`), 'utf8')
    .trimEnd()
    .split('\n');
  const scored: readonly Scored[] = parse(readFileSync(join(folder, output)), { columns: true });
  for (const record of scored.filter(({ id }) => !BAD.has(Number(id))))
    expect(Number(record['y_PREDICTION'])).toBeCloseTo(y(Number(record['id'])), 6);
  return lines.map((line) => JSON.parse(line));
}

function expectExact(scored: readonly Scored[]): void {
  expect(scored).toHaveLength(ROWS);
  for (const [row, record] of scored.entries()) {
    expect(Number(record['y_PREDICTION'])).toBeCloseTo(y(row), 6);
    if (record['id'] !== undefined) expect(record['id']).toBe(String(row));
  }
}

function expectClasses(scored: readonly Scored[], classes: readonly string[]): void {
  expect(scored).toHaveLength(ROWS);
  const columns = classes.map((label) => `y_${label}_PREDICTION`);
  expect(Object.keys(scored[0]!).slice(0, classes.length + 1)).toEqual([...columns, 'y_PREDICTION']);
  for (const record of scored) {
    const shares = columns.map((column) => Number(record[column]));
    expect(shares.reduce((sum, share) => sum + share)).toBeCloseTo(1, 6);
    expect(record['y_PREDICTION']).toBe(classes[shares.indexOf(Math.max(...shares))]);
  }
  // Of the model and not of chance: the classes follow from the rows, but at their borders.
  const right = scored.filter((record, row) => record['y_PREDICTION'] === expected(classes, row)).length;
  expect(right / ROWS).toBeGreaterThan(0.9);
}

function expected(classes: readonly string[], row: number): string {
  if (classes.length === 2) return cell(row, 0) + cell(row, 1) > 0.5 ? 'yes' : 'no';
  return cell(row, 2) < -0.7 ? 'blue' : cell(row, 2) < 0.7 ? 'green' : 'red';
}

async function doctorOf(deployment: Deployment, file = 'rows.csv'): Promise<string> {
  const { signal } = new AbortController();
  const findings = await examineJob(resolveJob(jobOf(deployment, file, 'doctor.csv')), {
    clock: systemClock,
    overwrite: true,
    timeoutMs: 20_000,
    signal,
  });
  expect(findings.filter(({ status }) => status === 'fails')).toEqual([]);
  return findings.map(({ what, says }) => `${what}: ${says}`).join('\n');
}

/** Servers that a describe block starts when a test first wants them. */
function serversBy(start: (model: RealModel) => Promise<RealServer>): (model: RealModel) => Promise<string> {
  const started = new Map<RealModel, Promise<RealServer>>();
  afterAll(async () => {
    for (const server of started.values()) await (await server)[Symbol.asyncDispose]();
  });
  return async (model) => {
    const server = started.get(model) ?? start(model);
    started.set(model, server);
    return (await server).url;
  };
}

describe('DRUM', () => {
  const serverOf = serversBy(startDrum);
  const deployment = async (model: RealModel): Promise<Deployment> => ({
    id: model,
    server: await serverOf(model),
    wire: 'drum',
    target: 'y',
  });

  test('scores a regression, two classes and three', async () => {
    expectExact(await score(await deployment('regression')));
    expectClasses(await score(await deployment('binary')), ['yes', 'no']);
    expectClasses(await score(await deployment('multiclass')), ['blue', 'green', 'red']);
  });

  test('has exactly the bad rows dead-lettered, though it answers 500 for them', async () => {
    const letters = await dead(await deployment('regression'), 'bad.csv');
    expect(letters.map(({ row }) => row)).toEqual([...BAD]);
    for (const { reason } of letters) expect(reason).toContain("could not convert string to float: 'abc'");
    expect((await dead(await deployment('regression'), 'blank.csv')).map(({ row }) => row)).toEqual([...BAD]);
  });

  test('is told by doctor', async () => {
    expect(await doctorOf(await deployment('binary'))).toMatch(/DRUM 1\.18\.1[^]*binary, 2 classes/);
  });
});

describe('MLServer', () => {
  const serverOf = serversBy(startMlserver);
  const deployment = async (model: RealModel, more: object = {}): Promise<Deployment> => ({
    id: model,
    // One server has all models.
    server: await serverOf('regression'),
    wire: 'oip',
    target: 'y',
    oip: { columns: ['a', 'b', 'c'] },
    ...more,
  });

  test('scores a regression, labels, and the probabilities of two classes and of three', async () => {
    expectExact(await score(await deployment('regression')));
    expectExact(await score(await deployment('regression', { oip: { version: 'v7' } }), 'features.csv'));
    const labels = await score(await deployment('binary'));
    expect(new Set(labels.map((record) => record['y_PREDICTION']))).toEqual(new Set(['no', 'yes']));
    const oip = { columns: ['a', 'b', 'c'], output: 'predict_proba' };
    expectClasses(await score(await deployment('binary', { oip, classes: ['no', 'yes'] })), ['yes', 'no']);
    expectClasses(await score(await deployment('multiclass', { oip, classes: ['blue', 'green', 'red'] })), [
      'blue',
      'green',
      'red',
    ]);
  });

  test('is never asked for a row that has no number, and has blank ones dead-lettered, which it answers with 500', async () => {
    const letters = await dead(await deployment('regression'), 'bad.csv');
    expect(letters).toMatchObject([...BAD].map((row) => ({ row, reason: 'Column "a": "abc" is not a number.' })));
    const blank = await dead(await deployment('regression'), 'blank.csv');
    expect(blank.map(({ row }) => row)).toEqual([...BAD]);
    for (const { reason } of blank) expect(reason).toContain('Input X contains NaN');
  });

  test('is asked for nothing by rows with other columns than its model, nor for another version', async () => {
    await expect(score(await deployment('regression'), 'lacking.csv')).rejects.toMatchObject({ code: 'MODEL_COLUMNS' });
    await expect(score(await deployment('regression', { oip: {} }))).rejects.toMatchObject({ code: 'MODEL_COLUMNS' });
    await expect(score(await deployment('regression', { oip: { version: 'v8' } }))).rejects.toMatchObject({
      status: 404,
    });
  });

  test('is told by doctor', async () => {
    expect(await doctorOf(await deployment('regression'))).toMatch(/mlserver 1\.7\.1[^]*model regression/);
  });
});

describe('MLflow', () => {
  const serverOf = serversBy(startMlflow);
  const deployment = async (model: RealModel, more: object = {}): Promise<Deployment> => ({
    id: model,
    server: await serverOf(model),
    wire: 'mlflow',
    target: 'y',
    ...more,
  });

  test('scores a regression, two classes by their names and three in lists, as CSV and as dataframe_split', async () => {
    for (const mlflow of [{}, { request: 'dataframe_split' as const }]) {
      expectExact(await score(await deployment('regression', { mlflow })));
      expectClasses(await score(await deployment('binary', { mlflow })), ['yes', 'no']);
      const classes = ['blue', 'green', 'red'];
      expectClasses(await score(await deployment('multiclass', { mlflow, classes }), 'features.csv'), classes);
    }
  });

  test('has exactly the bad rows dead-lettered', async () => {
    for (const mlflow of [{}, { request: 'dataframe_split' as const }]) {
      const letters = await dead(await deployment('regression', { mlflow }), 'bad.csv');
      expect(letters.map(({ row }) => row)).toEqual([...BAD]);
      for (const { reason } of letters) expect(reason).toMatch(/HTTP 400: /);
      expect((await dead(await deployment('regression', { mlflow }), 'blank.csv')).map(({ row }) => row)).toEqual([
        ...BAD,
      ]);
    }
  });

  test('ends a job whose rows lack a column of the signature, with its name', async () => {
    await expect(score(await deployment('regression'), 'lacking.csv')).rejects.toMatchObject({
      code: 'MODEL_COLUMNS',
      message: expect.stringContaining("['c']"),
    });
  });

  test('is told by doctor', async () => {
    expect(await doctorOf(await deployment('regression'))).toContain('MLflow 3.17.2');
  });
});
