import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeRecords } from '../../src/core/canonical-csv.ts';
import { schemaOf } from '../../src/core/schema.ts';
import { type JobInput, runJob } from '../../src/index.ts';
import { compareOutputs } from '../../src/jobs/compare/compare-outputs.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
import { jobIdentity } from '../../src/jobs/job-identity.ts';
import { liveParts } from '../../src/jobs/live/live-parts.ts';
import { verifyNamedOutput } from '../../src/jobs/verify-named-output.ts';
import { type ModelServer, startModelServer } from '../../src/model-server/index.ts';
import { sluice } from '../support/command-line.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { writeObject } from '../unit/codecs/formats/object-forms.ts';

const root = join(import.meta.dirname, '../..');
const flights = readFileSync(join(root, 'config/examples/flights.csv'), 'utf8');
const [header = '', ...lines] = flights.trimEnd().split('\n');
const columns = header.split(',');
const records = lines.map((line) => line.split(',').map((field) => (field === '' ? null : field)));
const FORMATS = ['csv', 'jsonl', 'json', 'avro'] as const;
const { signal } = new AbortController();
let folder = '';
let models: ModelServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-formats-'));
  models = await startModelServer({ models: join(root, 'models'), port: 0 });
  for (const format of FORMATS) {
    const { bytes } = await writeObject(format, schemaOf(columns), [records]);
    writeFileSync(join(folder, `flights.${format}`), bytes);
  }
});
afterAll(async () => {
  await models.close();
  rmSync(folder, { recursive: true, force: true });
});

const path = (name: string): string => join(folder, name);
const job = (intakeSettings: JobInput['intakeSettings'], outputSettings: JobInput['outputSettings']): JobInput => ({
  deployment: { id: 'flights', server: models.url },
  passthroughColumns: ['flight_id', 'origin'],
  intakeSettings,
  outputSettings,
});

describe('a job', () => {
  test.each(FORMATS)(
    'gives the same rows from %s as from CSV, in every format, and each output is verified',
    async (from) => {
      await runJob(job({ file: path('flights.csv') }, { path: path(`${from}-golden.csv`) })).result;
      for (const to of FORMATS) {
        const out = path(`${from}-to.${to}`);
        const { manifest } = await runJob(job({ file: path(`flights.${from}`) }, { path: out })).result;
        expect(manifest.columns).toEqual(['delay_PREDICTION', 'flight_id', 'origin']);
        expect((await verifyNamedOutput(out)).problems).toEqual([]);
        const { differing, rows } = await compareOutputs(path(`${from}-golden.csv`), out, { tolerance: 0 });
        expect([rows.compared, differing.rows]).toEqual([records.length, 0]);
      }
    },
  );

  test('gives the same bytes when it is run again', async () => {
    const files = ['one.avro', 'two.avro'].map(path);
    for (const out of files) await runJob(job({ file: path('flights.avro') }, { path: out })).result;
    expect(readFileSync(files[0]!).equals(readFileSync(files[1]!))).toBe(true);
  });

  test('writes predictions as numbers where the format has some', async () => {
    await runJob(job({ file: path('flights.csv') }, { path: path('numbers.jsonl') })).result;
    const [first] = readFileSync(path('numbers.jsonl'), 'utf8').split('\n');
    const row = JSON.parse(first!) as Record<string, unknown>;
    expect([typeof row['delay_PREDICTION'], typeof row['flight_id']]).toEqual(['number', 'string']);
  });

  test('reads only the columns that are named, of several files as one data set', async () => {
    const parts = ['part-0.jsonl', 'part-1.jsonl'].map(path);
    writeFileSync(parts[0]!, '');
    writeFileSync(parts[1]!, readFileSync(path('flights.jsonl')));
    const whole = await runJob(job({ files: parts, columns }, { path: path('parts-whole.csv') })).result;
    expect(whole.manifest.tally.scored).toBe(records.length);
    const wanted = columns.filter((name) => name !== 'origin');
    const outcome = runJob(job({ files: parts, columns: wanted }, { path: path('parts.csv') })).result;
    await expect(outcome).rejects.toMatchObject({
      code: 'COLUMN_UNKNOWN',
      message: expect.stringContaining('origin') as unknown,
    });
  });

  test('of CSV is the same job as before there were formats', () => {
    const csv = resolveJob(job({ file: 'a.csv' }, { path: 'b.csv' }));
    expect(Object.keys(jobIdentity(csv, null)).filter((part) => /format|jsonPath|columns$/i.test(part))).toEqual([
      'passthroughColumns',
    ]);
    const other = resolveJob(job({ file: 'a', format: 'json', jsonPath: 'x', columns: ['a'] }, { path: 'b.avro' }));
    expect(jobIdentity(other, null)).toMatchObject({
      intakeFormat: 'json',
      jsonPath: 'x',
      intakeColumns: ['a'],
      outputFormat: 'avro',
    });
  });

  test('from standard input to standard output tells the format by the content', async () => {
    for (const format of FORMATS) {
      const output = new PassThrough();
      const chunks: Buffer[] = [];
      output.on('data', (chunk: Buffer) => chunks.push(chunk));
      const input = Readable.from([readFileSync(path(`flights.${format}`))]);
      const settings = job({ file: '-' }, { path: '-', format });
      await runJob(settings, { streams: { input, output } }).result;
      writeFileSync(path(`piped-${format}.${format}`), Buffer.concat(chunks));
      const { differing } = await compareOutputs(path('csv-golden.csv'), path(`piped-${format}.${format}`), {
        tolerance: 0,
      });
      expect(differing.rows).toBe(0);
    }
  });

  test('that cannot be is refused before it begins: Avro that is packed once more, a format that does not take a setting', async () => {
    const packed = job({ file: path('flights.csv') }, { path: path('packed.avro.gz') });
    await expect(runJob(packed).result).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    const twice = job({ file: 'a.csv', columns: ['a', 'a'] }, { path: 'b.csv' });
    expect(() => runJob(twice)).toThrow(/columns.*names a column twice/);
    expect(readdirSync(folder).some((name) => name.startsWith('packed'))).toBe(false);
  });
});

test('the parts of a live topic have the format, and its ending', async () => {
  for (const format of FORMATS) {
    const live = resolveJob({
      deployment: { id: 'd', server: models.url },
      kafka: { brokers: ['127.0.0.1:1'] },
      intakeSettings: { type: 'kafka', topic: 't', group: 'g' },
      outputSettings: { path: path('live'), format },
    });
    const { outputSettings: output } = live;
    if (output.type !== 'localFile') throw new Error('another output');
    await using parts = liveParts(live, output, new ManualClock());
    const schema = schemaOf(['y', 'id']);
    await using sink = parts.openPart('t/0', 7);
    const identity = { ...jobIdentity(live, null), split: 't/0', from: 7 };
    await sink.open(identity, signal);
    const batch = {
      sequence: 0,
      through: { split: 't/0', after: 9 },
      intake: schema,
      output: {
        schema,
        ...encodeRecords([
          ['1', 'a'],
          ['2', null],
        ]),
      },
      tally: { read: 2, scored: 2, failed: 0, skipped: 0 },
      deadLetters: [],
      intakeBytes: 8,
      badBytes: 0,
      model: null,
    };
    await sink.write(batch, schema, signal);
    const facts = {
      version: 1,
      job: { ...identity, through: 9 },
      tally: batch.tally,
      model: null,
      intakeBytes: 8,
      finished: '2026-01-01T00:00:00Z',
    } as const;
    await sink.publish(facts, schema, signal);
    const file = path(`live/t-0-00000000000000000007.${format}`);
    expect((await verifyNamedOutput(file)).problems).toEqual([]);
    expect(await parts.publishedJob('t/0', 7, signal)).toMatchObject({ through: 9 });
  }
});

test('the command line takes format, path and columns', async () => {
  const nested = path('nested.txt');
  writeFileSync(nested, `{"data":{"rows":${readFileSync(path('flights.json'), 'utf8')}}}`);
  const args = ['score', nested, path('by-command.out'), '--server', models.url, '--deployment', 'flights', '--quiet'];
  const { code, stderr } = await sluice([
    ...args,
    '--json-path',
    'data.rows',
    '--format',
    'json',
    '--output-format',
    'avro',
    '--columns',
    columns.join(','),
    '--passthrough',
    'flight_id,origin',
  ]);
  expect([code, stderr]).toEqual([0, '']);
  const { differing } = await compareOutputs(path('csv-golden.csv'), path('by-command.out'), { tolerance: 0 });
  expect(differing.rows).toBe(0);
});

test('verify finds a changed output of any format, and compare reads all of them', async () => {
  for (const format of ['jsonl', 'json', 'avro'] as const) {
    const out = path(`csv-to.${format}`);
    const whole = readFileSync(out);
    const broken = Buffer.from(whole);
    broken[whole.length >> 1] = broken[whole.length >> 1]! ^ 1;
    writeFileSync(out, broken);
    const { code, stderr } = await sluice(['verify', out]);
    expect([format, code]).toEqual([format, 3]);
    expect(stderr).toContain('SHA-256');
    writeFileSync(out, whole.subarray(0, -20));
    expect((await verifyNamedOutput(out)).problems.join()).toMatch(/cannot be read to its end|rows, the manifest says/);
    writeFileSync(out, whole);
    const compared = await sluice(['compare', out, path('csv-to.csv'), '--fail-above', '0']);
    expect(compared.code).toBe(0);
  }
});
