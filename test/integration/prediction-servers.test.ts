import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ModelServer, startModelServer } from '../../src/model-server/index.ts';
import { sluice } from '../support/command-line.ts';
import { MODELS } from '../unit/model-server/golden-file.ts';
import { ReplyServer } from '../unit/scoring/wires/reply-server.ts';

const root = join(import.meta.dirname, '../..');
const guide = readFileSync(join(root, 'docs/guide/prediction-servers.md'), 'utf8');
const jobs = [...guide.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map((match) => match[1]!);
const wireIn = (job: string): string => /^ {2}wire: (\w+)$/m.exec(job)![1]!;

let folder = '';
let models: ModelServer;
/** DRUM and a FastAPI, as far as the guide's jobs ask for them. */
let others: ReplyServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-servers-'));
  cpSync(join(root, 'config'), join(folder, 'config'), { recursive: true });
  mkdirSync(join(folder, 'work'));
  models = await startModelServer({ models: MODELS, port: 0 });
  others = await ReplyServer.start();
  const json = (value: unknown) => ({ headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) });
  others.respond = ({ path, body }) => {
    if (path === '/info/') return json({ targetType: 'regression', drumVersion: '1.18.1' });
    if (path === '/capabilities/') return json({ supported_payload_formats: { csv: null } });
    if (path === '/predict/')
      return json({
        predictions: parse(body)
          .slice(1)
          .map((_, row) => row / 2),
      });
    if (path !== '/v1/score') return { status: 404 };
    const { batch, model } = JSON.parse(body.toString()) as {
      model: string;
      batch: { columns: string[]; data: unknown[][] };
    };
    const isWhole = model === 'prod' && batch.data.every((row) => row.length === batch.columns.length);
    return isWhole ? json({ model_id: 'm', scores: batch.data.map(() => [0.25, 0.75]) }) : { status: 400 };
  };
});
afterAll(async () => {
  await models[Symbol.asyncDispose]();
  await others[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** A job of the guide, in a file, with the addresses of servers that are there. */
function jobFile(job: string, number: number): string {
  const file = join(folder, `job-${number}.yaml`);
  writeFileSync(file, job.replace(/http:\/\/127\.0\.0\.1:(6789|8000)$/m, others.url));
  return file;
}
const env = (): Record<string, string> => ({ PREDICTION_SERVER: models.url });

describe('the jobs of the guide', () => {
  test('are of every wire but that which the other guides are about', () => {
    expect(new Set(jobs.map(wireIn))).toEqual(new Set(['drum', 'oip', 'mlflow', 'json']));
  });

  test.each(jobs.map((job, number) => [wireIn(job), number, job] as const))('%s (%i) runs', async (_, number, job) => {
    const file = jobFile(job, number);
    const ended = await sluice(['run', file], { cwd: folder, env: env() });
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining('200 rows scored, 200 rows'),
    });
    const output = /path: (\S+) \}/.exec(job)![1]!;
    expect((await sluice(['verify', output], { cwd: folder })).code).toBe(0);
    const [first] = readFileSync(join(folder, output), 'utf8').split('\n');
    expect(first).toMatch(/^(churned|delay|churn_leaves)_PREDICTION/);
  });

  test('give the same predictions, of those that ask the same model', () => {
    const texts = ['oip', 'mlflow-split', 'json'].map((name) => readFileSync(join(folder, `work/${name}.csv`), 'utf8'));
    expect(texts[1]).toBe(texts[0]);
    expect(texts[2]).toBe(texts[0]);
  });
});

describe('doctor and plan', () => {
  test.each(jobs.map((job, number) => [wireIn(job), number, job] as const))(
    'know the server of a job over the wire %s (%i)',
    async (wire, number, job) => {
      const file = jobFile(job, number);
      const options = { cwd: folder, env: env() };
      const doctor = await sluice(['doctor', file, '--overwrite'], options);
      expect({ code: doctor.code, stdout: doctor.stdout }).toEqual({
        code: 0,
        stdout: expect.stringMatching(/^ok +prediction server/m),
      });
      if (wire === 'drum') expect(doctor.stdout).toContain('DRUM 1.18.1');
      if (wire === 'oip') expect(doctor.stdout).toMatch(/model flights version \w+, regression, target delay/);
      const plan = await sluice(['plan', file, '--score-sample'], options);
      expect(plan).toMatchObject({ code: 0, stdout: expect.stringMatching(/(churned|delay|churn_leaves)_PREDICTION/) });
    },
  );

  test('say of a server that is another one what to look at', async () => {
    const file = jobFile(
      jobs
        .find((job) => wireIn(job) === 'oip')!
        .replace('wire: oip', 'wire: drum')
        .replace(/ {2}oip:\n.*\n/, ''),
      90,
    );
    const { code, stdout } = await sluice(['doctor', file, '--overwrite'], { cwd: folder, env: env() });
    expect([code, stdout]).toEqual([3, expect.stringMatching(/fails +deployment +SERVER_ACCESS: .* 404/)]);
  });

  test('name a column that the model needs and the intake lacks', async () => {
    const job = jobs.find((one) => wireIn(one) === 'oip')!.replace('config/examples/flights.csv }', 'lacking.csv }');
    writeFileSync(join(folder, 'lacking.csv'), 'date,origin,flight_id\n2001-01-01,BOS,1\n');
    const file = jobFile(job.replace('work/oip.csv', 'work/lacking.csv'), 91);
    for (const command of ['plan', 'run']) {
      const ended = await sluice([command, file], { cwd: folder, env: env() });
      expect(ended.code).not.toBe(0);
      expect(ended.stderr).toMatch(/MODEL_COLUMNS: The rows lack the columns "distance", "destination"/);
    }
  });
});

test('sluice score takes --wire, --classes and --positive-class', async () => {
  const args = [
    'score',
    'config/examples/flights.csv',
    'work/by-hand.csv',
    '--server',
    `${models.url}/mlflow/flights-late`,
  ];
  const options = ['--wire', 'mlflow', '--deployment', 'late', '--classes', 'late,on_time', '--positive-class', 'late'];
  const ended = await sluice([...args, ...options, '--threshold', '0.3'], { cwd: folder });
  expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining('200 rows scored') });
  const text = readFileSync(join(folder, 'work/by-hand.csv'), 'utf8');
  const direct = [
    'score',
    'config/examples/flights.csv',
    'work/direct.csv',
    '--server',
    models.url,
    '--deployment',
    'flights-late',
  ];
  await sluice(direct, { cwd: folder });
  expect(text).toBe(readFileSync(join(folder, 'work/direct.csv'), 'utf8'));
});
