import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { type JobInput, type JobResult, runJob, scoreEachBatch } from '../../src/index.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
import { planJob } from '../../src/jobs/plan/plan-job.ts';
import { type ModelServer, startModelServer } from '../../src/model-server/index.ts';
import { KafkaFaultRig } from '../support/kafka-fault-rig.ts';
import { PredictionServer, type PredictionServerOptions } from '../support/prediction-server.ts';
import { givesExplanations } from '../support/server-explanations.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';

const root = join(import.meta.dirname, '../..');
const FLIGHTS = join(root, 'config/examples/flights.csv');
const CHILD = join(root, 'test/support/run-job-child.ts');
let folder = '';
let outputs = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-explanations-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly text: string;
  readonly rows: readonly Readonly<Record<string, string>>[];
  readonly result: JobResult;
}

async function run(job: Omit<JobInput, 'outputSettings'>): Promise<Outcome> {
  outputs += 1;
  const path = join(folder, `out-${outputs}.csv`);
  const result = await runJob({ ...job, outputSettings: { path } }).result;
  const text = readFileSync(path, 'utf8');
  return { text, rows: parse(text, { columns: true }), result };
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const numbers = (count: number, from = 0): string =>
  `x,w\n${Array.from({ length: count }, (_, i) => `${from + i},${(i * 7) % 5}\n`).join('')}`;

describe('explanations of a server that has them', () => {
  const explaining = (ranks: number, options: PredictionServerOptions = {}): Promise<PredictionServer> =>
    PredictionServer.start({
      ...options,
      respond: () => ({
        rewrite: givesExplanations(ranks, (row) =>
          Array.from({ length: ranks }, (_, i) => [`f${i + 1}`, `${10 - i}`, `${row}`, '+']).flat(),
        ),
      }),
    });
  const job = (server: PredictionServer): Omit<JobInput, 'outputSettings'> => ({
    deployment: { id: 'd', server: server.url },
    intakeSettings: { file: file('six.csv', numbers(6)) },
    maxExplanations: 2,
  });

  test('come out as many as the job asks for, where there are more', async () => {
    await using server = await explaining(4);
    const { rows } = await run(job(server));
    expect(Object.keys(rows[0]!).filter((name) => name.startsWith('EXPLANATION_'))).toHaveLength(8);
    expect(rows[3]).toMatchObject({ EXPLANATION_1_FEATURE_NAME: 'f1', EXPLANATION_2_STRENGTH: '9' });
  });

  test('are blank for ranks that it does not have', async () => {
    await using server = await explaining(1);
    const { rows } = await run(job(server));
    expect(rows[5]).toMatchObject({ EXPLANATION_1_ACTUAL_VALUE: '5', EXPLANATION_2_FEATURE_NAME: '' });
  });

  test('are blank for rows between the thresholds, though it explains all of them', async () => {
    await using server = await explaining(2);
    // Predictions are 0, 2, 4, 6, 8 and 10.
    const { rows } = await run({ ...job(server), thresholdHigh: 8, thresholdLow: 2 });
    expect(rows.map((row) => row['EXPLANATION_1_FEATURE_NAME'])).toEqual(['f1', 'f1', '', '', 'f1', 'f1']);
    expect(rows.map((row) => row['EXPLANATION_2_QUALITATIVE_STRENGTH'])).toEqual(['+', '+', '', '', '+', '+']);
  });

  test.each(['csv', 'json'] as const)(
    'that answers as if none had been asked for is an error that says what to do (%s)',
    async (reply) => {
      await using server = await PredictionServer.start();
      const deployment = { id: 'd', server: server.url, reply, target: 'y' };
      await expect(run({ ...job(server), deployment })).rejects.toMatchObject({
        code: 'REPLY_MISMATCH',
        message: expect.stringMatching(/explanationAlgorithm: occlusion/),
      });
    },
  );
});

describe('explanations by occlusion', () => {
  let models: ModelServer;
  beforeAll(async () => {
    models = await startModelServer({ models: join(root, 'models'), port: 0 });
  });
  afterAll(async () => await models.close());

  const explanation = { columns: ['date', 'distance', 'origin', 'destination'], baselineRows: 5 };
  const flights = (more: Partial<JobInput> = {}): Omit<JobInput, 'outputSettings'> => ({
    deployment: { id: 'flights', server: models.url },
    intakeSettings: { file: FLIGHTS },
    maxExplanations: 3,
    explanationAlgorithm: 'occlusion',
    explanation,
    ...more,
  });

  test('have the columns of the SHAP ones of a server, and strengths that tell the prediction from the mean', async () => {
    const shap = await run({ ...flights(), explanationAlgorithm: null, maxExplanations: 4 });
    const { rows, result } = await run(flights({ maxExplanations: 4 }));
    const names = (of: Outcome): readonly string[] =>
      of.result.manifest.columns.filter((name) => !name.startsWith('SHAP_'));
    expect(result.manifest.columns).toEqual(names(shap));
    const base = rows.map((row) => {
      const strengths = [1, 2, 3, 4].map((rank) => Number(row[`EXPLANATION_${rank}_STRENGTH`]));
      expect(strengths.map(Math.abs)).toEqual(strengths.map(Math.abs).toSorted((a, b) => b - a));
      return Number(row['delay_PREDICTION']) - strengths.reduce((sum, strength) => sum + strength, 0);
    });
    // The mean of the baseline rows, whichever row it is told by.
    for (const value of base) expect(value).toBeCloseTo(base[0]!, 4);
    const intake = parse(readFileSync(FLIGHTS), { columns: true }) as Record<string, string>[];
    for (const [i, row] of rows.entries()) {
      expect(row['EXPLANATION_1_ACTUAL_VALUE']).toBe(intake[i]![row['EXPLANATION_1_FEATURE_NAME']!]);
    }
  });

  test('are the same in batches and requests of any size, at any concurrency, and are counted', async () => {
    const lines = readFileSync(FLIGHTS, 'utf8').split('\n');
    const intakeSettings = { file: file('thirty.csv', `${lines.slice(0, 31).join('\n')}\n`) };
    const whole = await run(flights({ intakeSettings }));
    const cut = await run(flights({ intakeSettings, chunkSize: 1_500, numConcurrent: 3 }));
    const small = await run(flights({ intakeSettings, chunkRows: 7, numConcurrent: 1 }));
    expect(cut.text).toBe(whole.text);
    expect(small.text).toBe(whole.text);
    const { explanations, requests } = whole.result.progress;
    expect(explanations!.rows).toBe(30);
    expect(explanations!.copies).toBeGreaterThan(30 * 5);
    expect(requests).toBeGreaterThan(explanations!.requests);
  });

  test('are made only outside the thresholds, for a binary deployment by the positive class', async () => {
    const { rows, result } = await run(
      flights({
        deployment: { id: 'flights-late', server: models.url },
        thresholdHigh: 0.3,
        thresholdLow: 0.05,
      }),
    );
    const explained = rows.filter((row) => row['EXPLANATION_1_FEATURE_NAME'] !== '');
    for (const row of rows) {
      const probability = Number(row['late_late_PREDICTION']);
      expect(row['EXPLANATION_1_FEATURE_NAME'] !== '').toBe(probability >= 0.3 || probability <= 0.05);
    }
    expect(explained.length).toBeGreaterThan(0);
    expect(result.progress.explanations!.rows).toBe(explained.length);
  });

  test('cost what the plan says, and the plan sends none of them', async () => {
    await using server = await PredictionServer.start({ info: { target: { name: 'y', kind: 'regression' } } });
    const job = {
      deployment: { id: 'd', server: server.url },
      intakeSettings: { file: file('hundred.csv', numbers(100)) },
      maxExplanations: 2,
      explanationAlgorithm: 'occlusion' as const,
      explanation: { baselineRows: 10 },
    };
    const options = { clock: systemClock, sample: { rows: 1_000, bytes: 1_000_000 }, rate: null, scoreSample: true };
    const plan = await planJob(
      resolveJob({ ...job, thresholdHigh: 100, outputSettings: { path: join(folder, 'planned.csv') } }),
      { ...options, signal: new AbortController().signal },
    );
    expect(server.requests.reduce((sum, { rows }) => sum + rows.length, 0)).toBeLessThan(100);
    expect(plan.outputColumns).toContain('EXPLANATION_2_STRENGTH');
    // Of the first 50 rows, whose predictions are 0 to 98, none.
    expect(plan.explanation).toMatchObject({
      copiesPerRow: 30,
      baselineRows: 10,
      rows: { least: 0, likely: 0, most: 100 },
    });
    expect(plan.explanation!.copies.most).toBe(3_000);
    const { result } = await run(job);
    const { copies, requests } = result.progress.explanations!;
    // Those for the choice of the baseline rows: each value in five rows, and each row itself.
    expect(copies - (1 + 2 * 5) * 100).toBeLessThanOrEqual(3_000);
    expect(copies - (1 + 2 * 5) * 100).toBeGreaterThan(2_000);
    expect(requests).toBeLessThan(20);
    expect(server.requests.every(({ query }) => !query.has('maxExplanations'))).toBe(true);
  });

  test('do not depend on what else is in a request that holds copies which the server refuses', async () => {
    // Every row is good; of their copies those with a w of 1 and an x that ends in 4 are not.
    await using server = await PredictionServer.start({
      reject: ([x, w]) => (w === '1' && x!.endsWith('4') ? 'never seen' : null),
    });
    const job = {
      deployment: { id: 'd', server: server.url },
      intakeSettings: { file: file('combined.csv', numbers(40)) },
      maxExplanations: 2,
      explanationAlgorithm: 'occlusion' as const,
      explanation: { baselineRows: 4 },
    };
    const whole = await run(job);
    const other = await run({ ...job, disableRowLevelErrorHandling: true, chunkRows: 9 });
    expect(server.requests.some(({ rows }) => rows.some(([x, w]) => w === '1' && x!.endsWith('4')))).toBe(true);
    expect(other.text).toBe(whole.text);
    expect(whole.result.manifest.tally).toMatchObject({ failed: 0 });
    expect(whole.rows.every((row) => row['EXPLANATION_1_FEATURE_NAME'] === 'x')).toBe(true);
  });

  test('follow the baseline that is given; another one is another job', async () => {
    await using server = await PredictionServer.start();
    const baseline = join(folder, 'baseline.csv');
    const intake = file('some.csv', numbers(40, 10));
    const job = (text: string): Omit<JobInput, 'outputSettings'> => {
      writeFileSync(baseline, text);
      return {
        deployment: { id: 'd', server: server.url },
        intakeSettings: { file: intake },
        maxExplanations: 1,
        explanationAlgorithm: 'occlusion',
        explanation: { baseline: { type: 'localFile', file: baseline } },
        chunkRows: 4,
      };
    };
    // The prediction is twice x, whose baseline mean is 4.
    const { rows } = await run(job('w,x\n1,3\n1,5\n'));
    expect(rows[0]).toMatchObject({ EXPLANATION_1_FEATURE_NAME: 'x', EXPLANATION_1_STRENGTH: '12' });

    const path = join(folder, 'interrupted.csv');
    const until = server.requests.length + 30;
    server.options = { respond: ({ number }) => (number > until ? { status: 404 } : undefined) };
    const retry = { budgetSeconds: 0 };
    const first = runJob(
      { ...job('w,x\n1,3\n1,5\n'), retry, outputSettings: { path } },
      { commits: { everyBytes: 1 } },
    );
    for await (const { state } of first) if (state === 'paused') first.stop();
    await expect(first.result).rejects.toMatchObject({ code: 'JOB_INTERRUPTED' });
    server.options = {};
    const other = { ...job('w,x\n1,3\n1,6\n'), outputSettings: { path } };
    await expect(runJob(other).result).rejects.toMatchObject({
      code: 'LEDGER_OTHER_JOB',
      message: expect.stringMatching(/explanation: was .*sha256/),
    });
    const whole = await run(job('w,x\n1,3\n1,5\n'));
    await runJob({ ...job('w,x\n1,3\n1,5\n'), outputSettings: { path } }).result;
    expect(readFileSync(path, 'utf8')).toBe(whole.text);
  });

  test.each([
    [{ columns: ['distanse'] }, /explanation\.columns names "distanse".*did you mean .*distance/],
    [{ maxCopies: 6 }, /maxCopies is 6, but a row with 6 columns takes 11 copies/],
    [{ baseline: { file: 'no-such-file.csv' } }, /no-such-file\.csv/],
  ])('with %j are refused before anything is sent', async (settings, message) => {
    await expect(run(flights({ explanation: settings }))).rejects.toThrow(message);
  });

  test('of an intake that comes only once need a baseline; each-batch handlers have none', async () => {
    const input = Readable.from([Buffer.from('x\n1\n')]);
    const job = { ...flights(), intakeSettings: { file: '-' }, outputSettings: { path: join(folder, 'once.csv') } };
    await expect(runJob(job, { streams: { input } }).result).rejects.toThrow(/needs explanation\.baseline/);
    const { intakeSettings: _, ...settings } = flights();
    expect(() => scoreEachBatch({ ...settings, onScored: async () => undefined })).toThrow(/needs baseline rows/);
  });
});

describe('explanations after a crash', () => {
  const job = (server: string, path: string, intake: string): JobInput => ({
    deployment: { id: 'd', server },
    intakeSettings: { file: intake },
    outputSettings: { path },
    maxExplanations: 2,
    explanationAlgorithm: 'occlusion',
    explanation: { baselineRows: 3 },
    chunkRows: 10,
    numConcurrent: 2,
  });

  test('are those of a run that was never killed', async () => {
    await using server = await PredictionServer.start();
    const intake = file('many.csv', numbers(200));
    const path = join(folder, 'killed.csv');
    const whole = join(folder, 'whole.csv');
    await runJob(job(server.url, whole, intake)).result;
    const requests = server.requests.length;
    const process_ = (killAfter: number): Promise<number | null> => {
      const child = spawn(process.execPath, [CHILD, JSON.stringify(job(server.url, path, intake))]);
      const until = server.requests.length + killAfter;
      server.options = {
        respond: () => {
          if (server.requests.length >= until) child.kill('SIGKILL');
          return undefined;
        },
      };
      return new Promise((resolve) => child.on('close', resolve));
    };
    expect(await process_(Math.floor(requests / 2))).toBe(null);
    expect(await process_(Number.POSITIVE_INFINITY)).toBe(0);
    expect(readFileSync(path, 'utf8')).toBe(readFileSync(whole, 'utf8'));
  });
});

needs('kafka')('explanations over Kafka', () => {
  test('are those of one process, also when its run is killed and a worker helps', async () => {
    await using rig = await KafkaFaultRig.start({ broker: await kafkaService(), rows: 120 });
    const explained: Partial<JobInput> = {
      maxExplanations: 2,
      explanationAlgorithm: 'occlusion',
      explanation: { baselineRows: 3, columns: ['id', 'x'] },
    };
    const direct = rig.run('direct-explained', { ...explained, engine: 'direct', kafka: null });
    expect(await direct.ended).toMatchObject({ code: 0 });
    const name = `explained-${process.pid}`;
    const worker = await rig.worker(name);
    const midway = rig.standsStillAfter(20);
    const first = rig.run(name, explained);
    await worker.says(/joined the job/);
    await midway;
    first.process.kill('SIGKILL');
    await first.ended;
    rig.respond(() => undefined);
    const again = rig.run(name, explained);
    expect(await again.ended).toMatchObject({ code: 0 });
    expect(readFileSync(again.output).equals(readFileSync(direct.output))).toBe(true);
  }, 120_000);
});
