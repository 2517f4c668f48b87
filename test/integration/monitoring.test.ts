import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type JobInput, type JobResult, runJob } from '../../src/index.ts';
import type { Report } from '../../src/jobs/report/report.ts';
import { type Command, sluice, startSluice } from '../support/command-line.ts';
import { PredictionServer } from '../support/prediction-server.ts';

const root = join(import.meta.dirname, '../..');
let folder = '';
let server: PredictionServer;
let outputs = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-monitor-'));
  server = await PredictionServer.start({ predict: (fields) => String(Number(fields[1]) / 10) });
  writeFileSync(join(folder, 'train.csv'), rows(0));
  writeFileSync(join(folder, 'shifted.csv'), rows(60));
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

function rows(shift: number): string {
  const lines = Array.from({ length: 1_000 }, (_, i) => `${i},${((i * 7919) % 101) + shift},${'abcde'[i % 5]}\n`);
  return `id,<script>x</script>,c\n${lines.join('')}`;
}

async function run(
  file: string,
  settings: Partial<JobInput> & { readonly baseline?: string | null },
): Promise<JobResult> {
  const { baseline = null, ...rest } = settings;
  outputs += 1;
  return await runJob({
    deployment: { id: 'd', server: server.url, baseline },
    intakeSettings: { file: join(folder, file) },
    outputSettings: { path: join(folder, `out-${outputs}.csv`) },
    chunkRows: 150,
    ...rest,
  }).result;
}

async function baselineOf(...args: readonly string[]): Promise<string> {
  const path = join(folder, `baseline-${args.length}.json`);
  const made = await sluice(['baseline', ...args, '--out', path], { cwd: folder });
  expect(made.stderr).toBe('');
  expect(made.code).toBe(0);
  return path;
}

function reportIn(name: string): Report {
  return JSON.parse(readFileSync(join(folder, name, 'report.json'), 'utf8')) as Report;
}

describe('drift of a job', () => {
  test('is nothing for the training rows, and passes the threshold for shifted ones; the report says both', async () => {
    const { manifest } = await run('train.csv', { passthroughColumnsSet: 'all' });
    expect(manifest.statistics).toBeUndefined();
    const scored = `out-${outputs}.csv`;
    const baseline = await baselineOf('train.csv', '--predictions', scored);
    await run('train.csv', { baseline, report: join(folder, 'same') });
    const same = reportIn('same').drift!;
    expect([...same.features, ...same.predictions].map(({ psi }) => psi)).toEqual([null, 0, 0, 0]);
    await run('shifted.csv', { baseline, report: join(folder, 'shifted') });
    const { drift, statistics, rows: tally } = reportIn('shifted');
    expect(drift!.features.map(({ hasDrifted }) => hasDrifted)).toEqual([false, true, false]);
    expect(drift!.predictions.map(({ name, hasDrifted }) => [name, hasDrifted])).toEqual([['y_PREDICTION', true]]);
    expect([statistics!.rows, statistics!.sampled, tally.scored]).toEqual([1_000, 1_000, 1_000]);
    expect(readFileSync(join(folder, 'shifted', 'report.html'), 'utf8')).not.toContain('<script>');
  });

  test('can be measured from one scored file that holds features and predictions', async () => {
    await run('train.csv', { passthroughColumnsSet: 'all' });
    const path = await baselineOf(`out-${outputs}.csv`, '--exclude', 'id');
    const { features, predictions } = JSON.parse(readFileSync(path, 'utf8')) as {
      features: { statistics: { name: string } }[];
      predictions: { statistics: { name: string } }[];
    };
    const names = (columns: typeof features) => columns.map(({ statistics }) => statistics.name);
    expect([names(features), names(predictions)]).toEqual([['<script>x</script>', 'c'], ['y_PREDICTION']]);
  });

  test('is not looked for with skipDriftTracking: ledger and manifest are those of a job without a baseline', async () => {
    vi.stubEnv('SLUICE_STATE', join(folder, 'state-of-none'));
    const baseline = await baselineOf('train.csv');
    const plain = await run('train.csv', {});
    const skipped = await run('train.csv', {
      skipDriftTracking: true,
      deployment: { id: 'd', server: server.url, baseline, associationId: 'id', accuracy: true },
      report: join(folder, 'skipped'),
    });
    expect(skipped.progress.statistics).toBeNull();
    expect(Object.keys(skipped.manifest)).toEqual(Object.keys(plain.manifest));
    expect(Object.keys(skipped.manifest.job)).toEqual(Object.keys(plain.manifest.job));
    expect(reportIn('skipped')).toMatchObject({ drift: null, statistics: null, rows: { scored: 1_000 } });
    expect(existsSync(join(folder, 'state-of-none'))).toBe(false);
    vi.unstubAllEnvs();
  });

  test('looks at one row in so many where the job says so', async () => {
    const baseline = await baselineOf('train.csv');
    const { manifest } = await run('train.csv', { baseline, driftSampling: 7 });
    // 6 batches of 150 rows, and one of 100.
    expect(manifest.statistics).toMatchObject({ rows: 1_000, sampled: 6 * 22 + 15 });
  });

  test('refuses what is no baseline, by its place', async () => {
    writeFileSync(join(folder, 'broken.json'), '{"version":1}');
    await expect(async () => run('train.csv', { baseline: join(folder, 'broken.json') })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('is no baseline'),
    });
    const wanting = await sluice(['baseline', 'train.csv', '--out', 'x.json', '--features', 'idd'], { cwd: folder });
    expect(wanting).toMatchObject({ code: 1, stderr: expect.stringContaining('did you mean "id"') });
  });
});

test('diagnostics channels tell of requests, batches and the end of the job', async () => {
  const seen: Record<string, unknown[]> = {};
  const listeners = ['sluice:request:finished', 'sluice:batch:scored', 'sluice:job:finished'].map((name) => {
    const list: unknown[] = (seen[name] = []);
    const listener = (message: unknown): void => void list.push(message);
    subscribe(name, listener);
    return () => unsubscribe(name, listener);
  });
  await run('train.csv', { chunkRows: 500, numConcurrent: 1 });
  for (const stop of listeners) stop();
  expect(seen).toMatchObject({
    'sluice:request:finished': [0, 1].map(() => ({ deployment: 'd', rows: 500, status: 200, executionMs: null })),
    'sluice:batch:scored': [0, 500].map((firstRow) => ({ deployment: 'd', firstRow, rows: 500, failed: 0 })),
    'sluice:job:finished': [{ deployment: 'd', state: 'done', rows: 1_000 }],
  });
});

describe('the commands of docs/guide/monitoring.md', () => {
  const guide = readFileSync(join(root, 'docs/guide/monitoring.md'), 'utf8');
  const blocks = (language: string) =>
    [...guide.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, text]) => text!);
  let models: Command | undefined;
  afterAll(async () => {
    models?.process.kill('SIGTERM');
    await models?.ended;
  });

  test('work in their order', async () => {
    const place = join(folder, 'guide');
    mkdirSync(place);
    cpSync(join(root, 'config'), join(place, 'config'), { recursive: true });
    models = startSluice(['model-server', '--port', '0'], { cwd: place });
    const told = await new Promise<string>((resolve) => {
      models!.process.stdout!.once('data', (chunk: Buffer) => resolve(chunk.toString()));
      models!.process.stderr!.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    });
    const address = /http:\/\/[\d.:]+/.exec(told)![0];
    const here = (text: string): string => text.replaceAll('http://127.0.0.1:8100', address);
    writeFileSync(join(place, 'monitored.yaml'), here(blocks('yaml')[0]!));
    const commands = blocks('sh').flatMap((block) => block.trim().split('\n'));
    expect(commands[0]).toBe('sluice model-server --port 8100');
    const said: string[] = [];
    for (const command of commands.slice(1)) {
      const ended = await sluice(here(command).split(' ').slice(1), {
        cwd: place,
        env: { SLUICE_STATE: join(place, 'state') },
      });
      expect({ command, code: ended.code, stderr: ended.code === 0 ? '' : ended.stderr }).toEqual({
        command,
        code: 0,
        stderr: '',
      });
      said.push(ended.stdout);
    }
    expect(said.at(-2)).toMatch(
      /^200 actuals taken\nflights: 200 predictions, 200 actuals, 0 of them without a prediction\nall: 200 rows, RMSE /,
    );
    expect(JSON.parse(said.at(-1)!)).toMatchObject({
      kept: 0,
      bucket: 'month',
      overall: { kind: 'regression', rows: 200 },
    });
    const report = JSON.parse(readFileSync(join(place, 'monitoring/again/report.json'), 'utf8')) as Report;
    expect(report.drift!.features.length).toBe(4);
    expect(report.service.executionMs).not.toBeNull();
  }, 60_000);
});
