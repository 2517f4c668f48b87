import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type JobInput, type JobResult, runJob } from '../../src/index.ts';
import { type ModelServer, startModelServer } from '../../src/model-server/index.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { givesExplanations } from '../support/server-explanations.ts';

const root = join(import.meta.dirname, '../..');
const FLIGHTS = join(root, 'config/examples/flights.csv');
const PENGUINS = join(root, 'config/examples/penguins.csv');
let folder = '';
let models: ModelServer;
let outputs = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-jobs-'));
  models = await startModelServer({ models: join(root, 'models'), port: 0 });
});
afterAll(async () => {
  await models.close();
  rmSync(folder, { recursive: true, force: true });
});

type Settings = Omit<JobInput, 'outputSettings' | 'intakeSettings'> & { readonly file: string };

/** Runs a job and gives its output as a table. */
async function run({ file, ...settings }: Settings): Promise<{
  readonly rows: readonly Record<string, string>[];
  readonly columns: readonly string[];
  readonly result: JobResult;
}> {
  outputs += 1;
  const path = join(folder, `out-${outputs}.csv`);
  const result = await runJob({ ...settings, intakeSettings: { file }, outputSettings: { path } }).result;
  const rows = parse(readFileSync(path), {
    columns: true,
    delimiter: settings.csvSettings?.delimiter ?? ',',
  }) as Record<string, string>[];
  return { rows, columns: result.manifest.columns, result };
}

function rowsFile(rows: number, filling = ''): string {
  const path = join(folder, `rows-${rows}-${filling.length}.csv`);
  writeFileSync(path, `id,x\n${Array.from({ length: rows }, (_, i) => `${i},${i}${filling}\n`).join('')}`);
  return path;
}

describe('the output has the columns of DataRobot', () => {
  test('for regression, with the association ID once and the passthrough columns last', async () => {
    const { columns, rows } = await run({
      file: FLIGHTS,
      deployment: { id: 'flights', server: models.url, associationId: 'flight_id' },
      passthroughColumns: ['origin', 'flight_id'],
      includePredictionStatus: true,
    });
    expect(columns).toEqual(['delay_PREDICTION', 'prediction_status', 'origin', 'flight_id']);
    const intake = parse(readFileSync(FLIGHTS), { columns: true }) as Record<string, string>[];
    expect(rows.map((row) => row['flight_id'])).toEqual(intake.map((row) => row['flight_id']));
    expect(
      rows.every((row) => row['prediction_status'] === 'OK' && Number.isFinite(Number(row['delay_PREDICTION']))),
    ).toBe(true);
  });

  test.each(['csv', 'json'] as const)('for two classes, with a threshold of the job (%s replies)', async (reply) => {
    const { columns, rows } = await run({
      file: FLIGHTS,
      deployment: { id: 'flights-late', server: models.url, reply },
      predictionThreshold: 0.2,
    });
    expect(columns).toEqual([
      'late_late_PREDICTION',
      'late_on_time_PREDICTION',
      'late_PREDICTION',
      'THRESHOLD',
      'POSITIVE_CLASS',
    ]);
    for (const row of rows) {
      const probability = Number(row['late_late_PREDICTION']);
      expect(row['late_PREDICTION']).toBe(probability > 0.2 ? 'late' : 'on_time');
      expect(row['THRESHOLD']).toBe('0.2');
      expect(probability + Number(row['late_on_time_PREDICTION'])).toBeCloseTo(1, 5);
    }
    expect(new Set(rows.map((row) => row['late_PREDICTION'])).size).toBe(2);
  });

  test('for more classes, from a file with semicolons', async () => {
    const { columns, rows } = await run({
      file: PENGUINS,
      deployment: { id: 'penguins', server: models.url },
      csvSettings: { delimiter: ';' },
      includeProbabilitiesClasses: ['Gentoo'],
    });
    expect(columns.filter((name) => name.includes('Gentoo')).length).toBe(1);
    expect(columns.some((name) => name.includes('Adelie'))).toBe(false);
    expect(columns.at(-1)).toMatch(/_PREDICTION$/);
    expect(rows.length).toBe(39);
  });

  test('with explanations for the clear cases only, blank between the thresholds', async () => {
    const { columns, rows } = await run({
      file: FLIGHTS,
      deployment: { id: 'flights-late', server: models.url },
      maxExplanations: 2,
      thresholdHigh: 0.3,
      thresholdLow: 0.05,
    });
    expect(columns.filter((name) => name.startsWith('EXPLANATION_')).length).toBe(8);
    for (const row of rows) {
      const probability = Number(row['late_late_PREDICTION']);
      expect(row['EXPLANATION_1_FEATURE_NAME'] !== '').toBe(probability >= 0.3 || probability <= 0.05);
    }
  });
});

describe('the prediction server is protected', () => {
  test('requests in flight never exceed numConcurrent, also while bad rows are searched for', async () => {
    // A few turns of the event loop for each request, so that others can overlap it.
    const turns = async (): Promise<void> => {
      for (let i = 0; i < 5; i += 1) await new Promise(setImmediate);
    };
    await using server = await PredictionServer.start({
      reject: (fields) => (Number(fields[0]) % 50 === 3 ? 'bad' : null),
      respond: () => ({ after: turns() }),
    });
    const { result } = await run({
      file: rowsFile(3_000),
      deployment: { id: 'd', server: server.url },
      numConcurrent: 3,
      chunkSize: 500,
    });
    expect(server.maxInFlight).toBe(3);
    expect(result.manifest.tally).toEqual({ read: 3_000, scored: 2_940, failed: 60, skipped: 0 });
  });

  test.each([
    { chunkSize: 1_000, least: 900, most: 1_000, explanations: 0 },
    { chunkSize: 'auto', least: 240_000, most: 262_144, explanations: 0 },
    { chunkSize: 'auto', least: 60_000, most: 65_536, explanations: 1 },
    { chunkSize: 'fixed', least: 4_900_000, most: 5_000_000, explanations: 0 },
    { chunkSize: 'fixed', least: 900_000, most: 1_000_000, explanations: 1 },
  ] as const)(
    'bodies follow chunkSize $chunkSize, explanations $explanations',
    async ({ chunkSize, least, most, explanations }) => {
      const rewrite = givesExplanations(explanations, () => ['x', '1', '1', '+']);
      const respond = explanations === 0 ? undefined : () => ({ rewrite });
      await using server = await PredictionServer.start(respond === undefined ? {} : { respond });
      const filling = chunkSize === 1_000 ? '' : ','.repeat(0) + 'z'.repeat(2_000);
      const rows = chunkSize === 1_000 ? 500 : Math.ceil((2.5 * most) / 2_010);
      await run({
        file: rowsFile(rows, filling),
        deployment: { id: 'd', server: server.url, rowWitness: false },
        chunkSize,
        maxExplanations: explanations,
        numConcurrent: 1,
      });
      const sizes = server.requests.slice(0, -1).map(({ body }) => body.length - 'id,x\n'.length);
      expect(sizes.length).toBeGreaterThan(1);
      for (const size of sizes) {
        expect(size).toBeLessThanOrEqual(most);
        expect(size).toBeGreaterThan(least);
      }
    },
  );

  test('a server that asks for time gets it, and no row is lost or doubled', async () => {
    await using server = await PredictionServer.start({
      respond: ({ number }) => (number % 4 === 1 ? { status: 429, headers: { 'retry-after': '0' } } : undefined),
    });
    const { rows, result } = await run({
      file: rowsFile(400),
      deployment: { id: 'd', server: server.url },
      chunkSize: 300,
      numConcurrent: 2,
      passthroughColumns: ['id'],
    });
    expect(rows.map((row) => Number(row['id']))).toEqual(Array.from({ length: 400 }, (_, i) => i));
    expect(result.progress.retries).toBeGreaterThan(3);
  });

  test('a body that is too large is halved, and the limit remembered', async () => {
    await using server = await PredictionServer.start({ maxBytes: 700 });
    const { rows } = await run({
      file: rowsFile(600),
      deployment: { id: 'd', server: server.url },
      chunkSize: 3_000,
      numConcurrent: 1,
      passthroughColumns: ['id'],
    });
    expect(rows.length).toBe(600);
    const refused = server.requests.filter(({ body }) => body.length > 700);
    expect(refused.length).toBeLessThan(12);
  });
});

describe('all rows of a job are of one model', () => {
  test('a model replaced in the middle still answers, where the server can address it', async () => {
    const own = await startModelServer({ models: join(root, 'models'), port: 0 });
    const before = await run({ file: FLIGHTS, deployment: { id: 'flights', server: own.url }, chunkSize: 1_000 });
    const [info] = own.deployments().filter(({ deploymentId }) => deploymentId === 'flights');
    outputs += 1;
    const path = join(folder, `out-${outputs}.csv`);
    const job = runJob({
      deployment: { id: 'flights', server: own.url },
      intakeSettings: { file: FLIGHTS },
      outputSettings: { path },
      chunkSize: 1_000,
      pinnedModelId: info!.model.id,
    });
    const { manifest } = await job.result;
    expect(manifest.model?.id).toBe(info!.model.id);
    expect(parse(readFileSync(path), { columns: true })).toEqual(before.rows);
    await own.close();
  });

  test('a server that answers with another model in the middle ends the job, and nothing of the other is written', async () => {
    await using server = await PredictionServer.start({
      respond: ({ number }) => ({ modelId: number < 3 ? 'first' : 'second' }),
    });
    outputs += 1;
    const path = join(folder, `out-${outputs}.csv`);
    const job = runJob({
      deployment: { id: 'd', server: server.url },
      intakeSettings: { file: rowsFile(400) },
      outputSettings: { path },
      chunkSize: 300,
      numConcurrent: 1,
    });
    await expect(job.result).rejects.toMatchObject({ code: 'MODEL_CHANGED' });
    const ledger = JSON.parse(readFileSync(`${path}.ledger.json`, 'utf8')) as {
      note: { tally: { read: number }; model: { id: string } };
    };
    expect(ledger.note.model.id).toBe('first');
    expect(ledger.note.tally.read).toBe(server.requests.slice(0, 3).reduce((sum, { rows }) => sum + rows.length, 0));
  });
});

test('a reply that does not match its rows ends the job, and nothing of it is written', async () => {
  for (const reply of ['csv', 'json'] as const) {
    for (const edit of [
      (records: string[]) => records.slice(1),
      (records: string[]) => records.toReversed(),
      (records: string[]) => [records[0]!, ...records.slice(0, -1)],
    ]) {
      await using server = await PredictionServer.start({ respond: () => ({ edit }) });
      const job = runJob({
        deployment: { id: 'd', server: server.url, reply, target: 'y' },
        intakeSettings: { file: rowsFile(40) },
        outputSettings: { path: join(folder, `bad-${reply}.csv`) },
      });
      await expect(job.result).rejects.toMatchObject({ code: 'REPLY_MISMATCH' });
    }
  }
});
