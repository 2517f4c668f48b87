import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ListMultipartUploadsCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { type JobInput, runJob } from '../../src/index.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
import { type JobPlan, type PlanOptions, planJob } from '../../src/jobs/plan/plan-job.ts';
import { tableNames } from '../acceptance/sql-intake.ts';
import { CatalogServer } from '../support/catalog-server.ts';
import { sluice } from '../support/command-line.ts';
import { LiveTopics } from '../support/live-topic.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';
import { s3Bucket } from '../support/services/s3.ts';
import { newSqlite } from '../support/sql-databases.ts';
import { WebServer } from '../support/web-server.ts';

let folder = '';
let server: PredictionServer;
const info = { target: { name: 'y', kind: 'regression' } };
const ROWS = 200_000;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-plan-'));
  server = await PredictionServer.start({ info });
  const text = `x,id,note\n${Array.from({ length: ROWS }, (_, i) => `${i},r${i},${'n'.repeat(i % 40)}\n`).join('')}`;
  writeFileSync(join(folder, 'rows.csv'), text);
  writeFileSync(join(folder, 'rows.csv.gz'), gzipSync(text));
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

function jobWith(changes: Partial<JobInput> = {}): JobInput {
  return {
    deployment: { id: 'd', server: server.url },
    intakeSettings: { type: 'localFile', file: join(folder, 'rows.csv') },
    outputSettings: { type: 'localFile', path: join(folder, 'scored.csv') },
    passthroughColumns: ['id'],
    ...changes,
  };
}

async function plan(changes: Partial<JobInput> = {}, options: Partial<PlanOptions> = {}): Promise<JobPlan> {
  return await planJob(resolveJob(jobWith(changes)), {
    clock: systemClock,
    sample: { rows: 1_000, bytes: 4_000_000 },
    scoreSample: false,
    rate: null,
    signal: new AbortController().signal,
    ...options,
  });
}

/** Every file with its content and time. */
function tree(): readonly string[] {
  return (readdirSync(folder, { recursive: true }) as string[]).toSorted().map((name) => {
    const path = join(folder, name);
    const { mtimeNs } = statSync(path, { bigint: true });
    return `${name} ${mtimeNs} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
  });
}

describe('sluice plan', () => {
  test.each(['rows.csv', 'rows.csv.gz'])('estimates the rows of %s from a sample, within its range', async (name) => {
    const found = await plan({ intakeSettings: { file: join(folder, name) } });
    expect(found.sampled.whole).toBe(false);
    expect(found.rows!.least).toBeLessThanOrEqual(ROWS);
    expect(found.rows!.most).toBeGreaterThanOrEqual(ROWS);
    expect(found.rows!.most).toBeLessThan(3 * ROWS);
    expect(found.columns).toEqual(['x', 'id', 'note']);
    expect(found.outputColumns).toEqual(['y_PREDICTION', 'id']);
  });

  test('names columns that the model takes nothing from, and one that it lacks before anything is sent', async () => {
    const features = [{ column: 'x', type: 'number' }];
    await using knowing = await PredictionServer.start({ info: { ...info, features } });
    const deployment = { id: 'd', server: knowing.url };
    expect((await plan({ deployment })).notes).toContain('the model takes nothing from "id", "note"');
    features.push({ column: 'weight', type: 'number' });
    await expect(plan({ deployment })).rejects.toMatchObject({ code: 'MODEL_COLUMNS' });
  });

  test('says as many requests as the job then makes, and the columns that it writes', async () => {
    const changes: Partial<JobInput> = { chunkRows: 5_000, numConcurrent: 4 };
    const found = await plan(changes, { sample: { rows: ROWS + 1, bytes: 100_000_000 } });
    expect(found).toMatchObject({ rows: { likely: ROWS }, sampled: { whole: true, rows: ROWS } });
    const before = server.requests.length;
    const { manifest } = await runJob({ ...jobWith(changes), outputSettings: { path: join(folder, 'whole.csv') } })
      .result;
    expect(manifest.tally.read).toBe(ROWS);
    const made = server.requests.length - before;
    // Batches end at whole rows: a few more than the bytes alone make.
    expect(made).toBeGreaterThanOrEqual(found.requests!.least);
    expect(made).toBeLessThanOrEqual(1.05 * found.requests!.most + 1);
    expect(found.outputColumns).toEqual(manifest.columns);
    const { size } = statSync(join(folder, 'whole.csv'));
    expect(found.outputBytes!.likely / size).toBeGreaterThan(0.5);
    expect(found.outputBytes!.likely / size).toBeLessThan(2);
    for (const name of ['whole.csv', 'whole.csv.manifest.json']) rmSync(join(folder, name));
  });

  test('scores nothing unless it is asked to, and then a few rows', async () => {
    const before = server.requests.length;
    expect((await plan()).milliseconds).toBeNull();
    expect((await plan({}, { rate: 1_000 })).milliseconds!.likely).toBeCloseTo(ROWS, -5);
    expect(server.requests.length).toBe(before);
    const found = await plan({}, { scoreSample: true });
    const sent = server.requests.slice(before).reduce((sum, { rows }) => sum + rows.length, 0);
    expect(sent).toBeLessThanOrEqual(56);
    const { least, likely, most } = found.milliseconds!;
    expect(least > 0 && least <= likely && likely <= most).toBe(true);
  });

  test('writes nothing, says what an interrupted run has done, and refuses what the job would', async () => {
    const description = jobWith({
      outputSettings: { path: join(folder, 'cut.csv') },
      chunkRows: 1_000,
      numConcurrent: 1,
    });
    const run = runJob(description, { commits: { everyMs: 0 } });
    server.options = {
      info,
      respond: () => (server.requests.length % 20 === 19 ? (run.abort(), undefined) : undefined),
    };
    await expect(run.result).rejects.toMatchObject({ code: 'JOB_INTERRUPTED' });
    server.options = { info };
    const before = tree();
    const found = await plan(description);
    expect(found.continuation).toMatchObject({ state: 'continues', rows: expect.any(Number) });
    expect(found.continuation.rows).toBeGreaterThan(0);
    expect((await plan({ ...description, passthroughColumns: ['note'] })).continuation).toMatchObject({
      state: 'refused',
      says: expect.stringContaining('passthroughColumns'),
    });
    await expect(plan({ passthroughColumns: ['ids'] })).rejects.toMatchObject({ code: 'COLUMN_UNKNOWN' });
    const file = join(folder, 'job.json');
    writeFileSync(file, JSON.stringify(description));
    const again = tree();
    const { code, stdout, stderr } = await sluice(['plan', file]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^rows +about [\d,]+ \([\d,]+ to [\d,]+\)$/m);
    expect(stdout).toMatch(/^begins +continues: behind \d+ rows/m);
    expect(tree()).toEqual(again);
    rmSync(file);
    expect(tree()).toEqual(before);
    for (const name of readdirSync(folder).filter((each) => each.startsWith('cut.csv'))) rmSync(join(folder, name));
  });

  test.each<[string, Partial<JobInput>]>([
    ['passthroughColumnsSet', { passthroughColumnsSet: 'all', intakeSettings: { file: 'wide' } }],
    ['deployment.associationId', { passthroughColumns: [] }],
    ['chunkSize', { chunkSize: 41_000_000 }],
    ['abortOnError', { abortOnError: false }],
    ['deadLetters', { deadLetters: { maxShare: 1 } }],
    ['disableRowLevelErrorHandling', { disableRowLevelErrorHandling: true }],
    ['deployment.rowWitness', { deployment: { id: 'd', server: 'same', rowWitness: false } }],
    ['outputSettings', { outputSettings: { path: '-' } }],
    ['csvSettings.raggedRows', { csvSettings: { raggedRows: 'skip' }, intakeSettings: { file: 'ragged' } }],
  ])('warns of %s', async (setting, changes) => {
    const wide = join(folder, 'wide.csv');
    const names = Array.from({ length: 60 }, (_, i) => `c${i}`).join(',');
    writeFileSync(wide, `x,id,${names}\n1,a,${names}\n`);
    const ragged = join(folder, 'ragged.csv');
    writeFileSync(ragged, 'x,id\n1,a\n1,2,3,4\n');
    const text = JSON.stringify(changes)
      .replace('"wide"', JSON.stringify(wide))
      .replace('"ragged"', JSON.stringify(ragged));
    const given = JSON.parse(text.replace('"same"', JSON.stringify(server.url))) as Partial<JobInput>;
    const { risks } = await plan(given);
    expect(risks.map((risk) => risk.setting)).toContain(setting);
    const sound = await plan({ deployment: { id: 'd', server: server.url, associationId: 'id' } });
    expect(sound.risks).toEqual([]);
    rmSync(wide);
    rmSync(ragged);
  });
});

needs('s3')('sluice plan of a job in S3', () => {
  test('leaves the bucket as it was', async () => {
    const { bucket: Bucket, client, endpointUrl, accessKeyId, secretAccessKey } = await s3Bucket();
    await client.send(new PutObjectCommand({ Bucket, Key: 'in/rows.csv', Body: 'x,id\n1,a\n2,b\n' }));
    const look = async () => {
      const { Contents } = await client.send(new ListObjectsV2Command({ Bucket }));
      const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
      return JSON.stringify([Contents, Uploads]);
    };
    const before = await look();
    const credentials = { awsAccessKeyId: accessKeyId, awsSecretAccessKey: secretAccessKey };
    const place = { type: 's3' as const, endpointUrl, credentials };
    const found = await plan({
      intakeSettings: { ...place, url: `s3://${Bucket}/in/` },
      outputSettings: { ...place, url: `s3://${Bucket}/out/scored.csv` },
    });
    expect(found).toMatchObject({ rows: { likely: 2 }, columns: ['x', 'id'], continuation: { state: 'unknown' } });
    expect(await look()).toBe(before);
    client.destroy();
  });
});

needs('kafka')('sluice plan of jobs over topics', () => {
  test('counts messages by their offsets, warns of what partitions allow, and leaves the cluster as it was', async () => {
    const { brokers } = await kafkaService();
    await using topics = await LiveTopics.open(brokers);
    const [input, output] = [`plan-${process.pid}`, `plan-${process.pid}.out`];
    await topics.create(input, 2);
    await topics.create(output, 2);
    const rows = Array.from({ length: 300 }, (_, i) => ({
      partition: i % 2,
      value: Buffer.from(`{"x":${i},"id":"r${i}"}`),
    }));
    await topics.send(input, rows);
    const look = async () => {
      const { topics: all } = await topics.admin.fetchTopicMetadata();
      const own = all.filter(({ name }) => name.includes(input) || name.startsWith('sluice.replays'));
      const offsets = own.map(async ({ name }) => [name, await topics.admin.fetchTopicOffsets(name)]);
      return JSON.stringify(await Promise.all(offsets));
    };
    const before = await look();
    const kafka = { brokers: [...brokers] };
    const replay = await plan({
      kafka,
      intakeSettings: { type: 'kafka', topic: input, until: 'end' },
      outputSettings: { path: join(folder, 'replayed.csv') },
    });
    expect(replay).toMatchObject({
      rows: { likely: 300 },
      columns: ['id', 'x'],
      outputColumns: ['y_PREDICTION', 'id'],
    });
    const live = await plan({
      kafka,
      numConcurrent: 8,
      intakeSettings: { type: 'kafka', topic: input, group: 'plan-group' },
      outputSettings: { type: 'kafka', topic: output, delivery: 'atLeastOnce' },
    });
    const settings = live.risks.map(({ setting }) => setting);
    expect(settings).toEqual(expect.arrayContaining(['numConcurrent', 'outputSettings.delivery']));
    expect(await look()).toBe(before);
  });
});

describe('sluice plan of databases, addresses and datasets', () => {
  const text = `x,id\n${Array.from({ length: 500 }, (_, i) => `${i},r${i}\n`).join('')}`;

  test('samples a table, and makes none', async () => {
    await using database = await newSqlite();
    const { connection, access } = database;
    const { signal } = new AbortController();
    await connection.execute('CREATE TABLE flights (id INTEGER PRIMARY KEY, x REAL)', [], signal);
    const values = Array.from({ length: 500 }, (_, i) => `(${i}, ${i})`).join(', ');
    await connection.execute(`INSERT INTO flights VALUES ${values}`, [], signal);
    const jdbc = { type: 'jdbc', jdbcUrl: access.jdbcUrl } as const;
    const found = await plan({
      intakeSettings: { ...jdbc, table: 'flights' },
      outputSettings: { ...jdbc, table: 'scored', statementType: 'insert' as const, createTableIfNotExists: true },
    });
    expect(found).toMatchObject({ rows: { least: 500, most: 500 }, columns: ['id', 'x'] });
    expect(found.outputColumns).toEqual(['y_PREDICTION', 'id']);
    expect(await tableNames(database)).toEqual(['flights']);
  });

  test('samples what stands at an address, and sends nothing', async () => {
    await using web = await WebServer.start();
    web.bodies.set('/rows.csv', { bytes: Buffer.from(text), etag: '"1"', ranges: true });
    const found = await plan({
      intakeSettings: { type: 'http', url: `${web.url}/rows.csv` },
      outputSettings: { type: 'http', url: `${web.url}/scored.csv`, spool: join(folder, 'to-send.csv') },
    });
    expect(found).toMatchObject({ rows: { least: 500, most: 500 }, columns: ['x', 'id'] });
    expect(web.uploads).toEqual([]);
  });

  test('samples a dataset', async () => {
    await using catalog = await CatalogServer.start();
    catalog.add('flights', { text });
    const { url: catalogUrl, token } = catalog;
    const found = await plan({ intakeSettings: { type: 'dataset', datasetId: 'flights', catalogUrl, token } });
    expect(found).toMatchObject({ rows: { least: 500, most: 500 }, columns: ['x', 'id'] });
  });
});
