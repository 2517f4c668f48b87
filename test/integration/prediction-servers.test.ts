import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { openLetterBoxes } from '../../src/jobs/dead-letters/letter-boxes.ts';
import { replayJob } from '../../src/jobs/dead-letters/replay-job.ts';
import { letterKey } from '../../src/jobs/dead-letters/replay-options.ts';
import { type JobDescription, parseJob } from '../../src/jobs/description/parse-job.ts';
import { examineJob } from '../../src/jobs/doctor/examine-job.ts';
import { planJob } from '../../src/jobs/plan/plan-job.ts';
import { startJob } from '../../src/jobs/run-job.ts';
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

/** A job of the guide, with the addresses of servers that are there and its files in the folder. */
function guideJob(text: string): JobDescription {
  const there = text
    .replace(/http:\/\/127\.0\.0\.1:(6789|8000)$/m, others.url)
    .replace('config/examples/', `${root}/config/examples/`)
    .replace('path: work/', `path: ${folder}/`);
  return parseJob(there, 'guide.yaml', { env: { PREDICTION_SERVER: models.url } });
}

const signal = new AbortController().signal;
const sample = { bytes: 1_000_000, rows: 100 };
const numbered = jobs.map((job, number) => [wireIn(job), number, job] as const);

describe('the jobs of the guide', () => {
  test('are of every wire but that which the other guides are about', () => {
    expect(new Set(jobs.map(wireIn))).toEqual(new Set(['drum', 'oip', 'mlflow', 'json']));
  });

  test.each(numbered)('%s (%i): doctor and plan know its server, and it runs', async (wire, _, text) => {
    const job = guideJob(text);
    const found = await examineJob(job, { clock: systemClock, overwrite: false, timeoutMs: 20_000, signal });
    expect(found.filter(({ status }) => status === 'fails')).toEqual([]);
    const says = found.map((finding) => finding.says).join('\n');
    if (wire === 'drum') expect(says).toContain('DRUM 1.18.1');
    if (wire === 'oip') expect(says).toMatch(/model flights version \w+, regression, target delay/);
    const plan = await planJob(job, { clock: systemClock, sample, scoreSample: true, rate: null, signal });
    const first = /^(churned|delay|churn_leaves)_PREDICTION/;
    expect(plan.outputColumns?.[0]).toMatch(first);
    const { manifest } = await startJob(job).result;
    expect(manifest.tally).toMatchObject({ scored: 200, failed: 0 });
    expect(readFileSync(pathOf(job), 'utf8')).toMatch(first);
  });

  test('give the same predictions, of those that ask the same model', () => {
    const texts = ['oip', 'mlflow-split', 'json'].map((name) => readFileSync(join(folder, `${name}.csv`), 'utf8'));
    expect(texts[1]).toBe(texts[0]);
    expect(texts[2]).toBe(texts[0]);
  });
});

describe('rows that were refused', () => {
  const texts = jobs.filter((job) => job.includes('PREDICTION_SERVER'));

  test.each(texts.map((text) => [wireIn(text), text]))(
    'over %s are dead letters, and once corrected stand in the output as if they had never been bad',
    async (wire, text) => {
      const good = readFileSync(join(root, 'config/examples/flights.csv'), 'utf8').trimEnd().split('\n');
      const isBad = (line: number): boolean => line % 50 === 7;
      const rows = good.map((row, line) => (isBad(line) ? row.replace(/^(\w+,[^,]+,[^,]*),\d+,/, '$1,far,') : row));
      const name = `replayed-${wire}`;
      writeFileSync(join(folder, `${name}-in.csv`), `${rows.join('\n')}\n`);
      const job = guideJob(
        text
          .replace('config/examples/flights.csv', join(folder, `${name}-in.csv`))
          .replace(/work\/\S+\.csv/, `work/${name}.csv`),
      );
      const whole = guideJob(text.replace(/work\/\S+\.csv/, `work/${name}-whole.csv`));
      await startJob(whole).result;
      const { manifest } = await startJob(job).result;
      expect(manifest.tally).toMatchObject({ scored: 196, failed: 4 });
      await using boxes = await openLetterBoxes(job, systemClock, signal);
      const mended = new Map<string, Uint8Array>();
      for (const reader of boxes.readers)
        for await (const letter of reader.read(signal))
          mended.set(letterKey(letter), Buffer.from(good[letter.line! - 1]!));
      const [report] = await replayJob(job, { clock: systemClock, anyModel: false, mended }, signal);
      expect(report).toMatchObject({ scored: 4, failed: 0 });
      expect(readFileSync(pathOf(job), 'utf8')).toBe(readFileSync(pathOf(whole), 'utf8'));
    },
  );
});

describe('what does not fit', () => {
  const oip = jobs.find((job) => wireIn(job) === 'oip')!;

  test('is told by doctor: a server with another wire', async () => {
    const job = guideJob(
      oip
        .replace('wire: oip', 'wire: drum')
        .replace(/ {2}oip:\n.*\n/, '')
        .replace('oip.csv', 'none.csv'),
    );
    const found = await examineJob(job, { clock: systemClock, overwrite: false, timeoutMs: 20_000, signal });
    expect(found.find(({ what }) => what === 'deployment')).toMatchObject({ status: 'fails', code: 'SERVER_ACCESS' });
  });

  test('is named by plan and run: a column that the model needs and the intake lacks', async () => {
    writeFileSync(join(folder, 'lacking.csv'), 'date,origin,flight_id\n2001-01-01,BOS,1\n');
    const lacking = guideJob(
      oip.replace('config/examples/flights.csv', join(folder, 'lacking.csv')).replace('oip.csv', 'none.csv'),
    );
    const refused = {
      code: 'MODEL_COLUMNS',
      message: expect.stringContaining('lack the columns "distance", "destination"'),
    };
    const options = { clock: systemClock, sample, scoreSample: false, rate: null, signal };
    await expect(planJob(lacking, options)).rejects.toMatchObject(refused);
    await expect(startJob(lacking).result).rejects.toMatchObject(refused);
  });
});

test('sluice score takes --wire, --classes and --positive-class', async () => {
  const flights = join(root, 'config/examples/flights.csv');
  const args = ['score', flights, 'by-hand.csv', '--server', `${models.url}/mlflow/flights-late`];
  const options = ['--wire', 'mlflow', '--deployment', 'late', '--classes', 'late,on_time', '--positive-class', 'late'];
  const ended = await sluice([...args, ...options, '--threshold', '0.3'], { cwd: folder });
  expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining('200 rows scored') });
  await sluice(['score', flights, 'direct.csv', '--server', models.url, '--deployment', 'flights-late'], {
    cwd: folder,
  });
  expect(readFileSync(join(folder, 'by-hand.csv'), 'utf8')).toBe(readFileSync(join(folder, 'direct.csv'), 'utf8'));
});

function pathOf({ outputSettings }: JobDescription): string {
  return 'path' in outputSettings ? outputSettings.path : '';
}
