import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
import { examineJob } from '../../src/jobs/doctor/examine-job.ts';
import type { Finding } from '../../src/jobs/doctor/finding.ts';
import { tableNames } from '../acceptance/sql-intake.ts';
import { CatalogServer } from '../support/catalog-server.ts';
import { sluice } from '../support/command-line.ts';
import { LiveTopics } from '../support/live-topic.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { freePort } from '../support/services/free-port.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';
import { newSqlite } from '../support/sql-databases.ts';
import { WebServer } from '../support/web-server.ts';

let folder = '';
let server: PredictionServer;
const info = { model: { id: 'm-1', version: '7' }, target: { name: 'y', kind: 'regression' } };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-doctor-'));
  server = await PredictionServer.start({ info });
  writeFileSync(join(folder, 'rows.csv'), 'x,id\n1,a\n2,b\n');
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

/** A job whose parts all work, but for what a test changes. */
function jobWith(changes: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return {
    deployment: { id: 'd', server: server.url, token: 'a-secret-token' },
    intakeSettings: { file: join(folder, 'rows.csv') },
    outputSettings: { path: join(folder, 'scored.csv') },
    ...changes,
  };
}

async function findings(
  changes: Readonly<Record<string, unknown>> = {},
  timeoutMs = 20_000,
): Promise<readonly Finding[]> {
  const { signal } = new AbortController();
  return await examineJob(resolveJob(jobWith(changes)), { clock: systemClock, overwrite: false, timeoutMs, signal });
}

const statuses = (found: readonly Finding[]): Readonly<Record<string, string>> =>
  Object.fromEntries(found.map(({ what, status }) => [what, status]));

const finding = (found: readonly Finding[], what: string): Finding => found.find((each) => each.what === what)!;

describe('sluice doctor', () => {
  test('says of a job whose parts all work what they are, in one screen, and leaves nothing', async () => {
    const file = join(folder, 'job.json');
    writeFileSync(file, JSON.stringify(jobWith()));
    const before = readdirSync(folder);
    const { code, stdout, stderr } = await sluice(['doctor', file]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines.every((line) => line.startsWith('ok '))).toBe(true);
    expect(lines.length).toBeLessThan(25);
    expect(stdout).toMatch(/deployment +d: model m-1 version 7, regression, target y/);
    expect(stdout).toMatch(/disk +[\d.]+ \w+ free in/);
    expect(readdirSync(folder)).toEqual(before);
    expect(server.requests).toEqual([]);
  });

  test('names what does not work, says what to do, and ends with 3', async () => {
    const file = join(folder, 'broken.json');
    const port = await freePort();
    const broken = jobWith({
      deployment: { id: 'd', server: `http://127.0.0.1:${port}` },
      intakeSettings: { file: join(folder, 'row.csv') },
      outputSettings: { path: join(folder, 'no/scored.csv') },
    });
    writeFileSync(file, JSON.stringify(broken));
    const { code, stdout, stderr } = await sluice(['doctor', file]);
    expect(code).toBe(3);
    expect(stdout).toMatch(/fails +intake +INTAKE_NOT_FOUND: There is no file .*row\.csv/);
    expect(stdout).toMatch(/fails +output +OUTPUT_UNWRITABLE: .*there is no folder .*Create it/);
    expect(stdout).toMatch(/fails +prediction server +SERVER_UNREACHABLE: /);
    expect(stdout).toMatch(/skipped +deployment +/);
    expect(stderr).toMatch(/CHECK_FAILED: \d of \d checks fail: intake, output/);
    const json = await sluice(['doctor', file, '--json']);
    const { findings: list } = JSON.parse(json.stdout) as { readonly findings: readonly Finding[] };
    expect(statuses(list)).toMatchObject({ intake: 'fails', output: 'fails', 'prediction server': 'fails' });
  });

  test('tells a refused token from a deployment that is not there, and shows neither', async () => {
    server.options = { info, respond: () => ({ status: 401 }) };
    const proxy = await PredictionServer.start({ info: null });
    try {
      const unknown = await findings({ deployment: { id: 'd', server: proxy.url } });
      expect(finding(unknown, 'deployment')).toMatchObject({
        status: 'skipped',
        says: expect.stringContaining('does not say'),
      });
    } finally {
      await proxy.close();
      server.options = { info };
    }
  });

  test('finds a model that is not the pinned one', async () => {
    expect(finding(await findings({ pinnedModelId: 'm-2' }), 'model')).toMatchObject({
      status: 'fails',
      says: expect.stringMatching(/pinnedModelId is m-2, but the deployment has m-1/),
    });
    expect(finding(await findings({ pinnedModelId: 'm-1' }), 'model').status).toBe('ok');
  });

  test('an output that is there fails, unless it is to be overwritten', async () => {
    const path = join(folder, 'there.csv');
    writeFileSync(path, 'x\n');
    const found = await findings({ outputSettings: { path } });
    expect(finding(found, 'output')).toMatchObject({ status: 'fails', code: 'OUTPUT_EXISTS' });
    const { signal } = new AbortController();
    const overwritten = await examineJob(resolveJob(jobWith({ outputSettings: { path } })), {
      clock: systemClock,
      overwrite: true,
      timeoutMs: 20_000,
      signal,
    });
    expect(finding(overwritten, 'output').status).toBe('ok');
    expect(readFileSync(path, 'utf8')).toBe('x\n');
  });

  test('skips standard input, and says that standard output is not continued', async () => {
    const found = await findings({ intakeSettings: { file: '-' }, outputSettings: { path: '-' } });
    expect(finding(found, 'intake').status).toBe('skipped');
    expect(finding(found, 'output').says).toMatch(/not continued after a crash/);
    expect(statSync(folder).isDirectory()).toBe(true);
  });

  test('waits for nobody longer than it is told', async () => {
    // A server that takes connections and never answers.
    server.options = { info };
    const { createServer } = await import('node:net');
    const silent = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as { port: number };
    const found = await findings({ deployment: { id: 'd', server: `http://127.0.0.1:${port}` } }, 300);
    expect(finding(found, 'prediction server')).toMatchObject({
      status: 'fails',
      says: expect.stringContaining('no answer within 0.3 s'),
    });
    silent.close();
  });
});

needs('kafka')('sluice doctor of jobs over Kafka', () => {
  let topics: LiveTopics;
  let brokers: readonly string[];
  const name = `doctor-${process.pid}`;
  beforeAll(async () => {
    brokers = (await kafkaService()).brokers;
    topics = await LiveTopics.open(brokers);
    await topics.create(name, 2);
    await topics.create(`${name}.out`, 2);
    await topics.send(name, [{ partition: 1, value: Buffer.from('{"x":1,"id":"a"}') }]);
  });
  afterAll(async () => await topics?.[Symbol.asyncDispose]());

  const live = (changes: object = {}) => ({
    kafka: { brokers: [...brokers] },
    intakeSettings: { type: 'kafka', topic: name, group: `${name}-group`, ...changes },
    outputSettings: { type: 'kafka', topic: `${name}.out` },
  });

  test('looks at topics, the group, the brokers and the topic of dead letters, and makes none of them', async () => {
    const found = await findings(live());
    expect(new Set(Object.values(statuses(found)))).toEqual(new Set(['ok']));
    expect(finding(found, 'consumer group').says).toMatch(/committed nothing yet, 1 messages are before it; 0 members/);
    expect(finding(found, 'dead letters').says).toBe(`topic ${name}.out.dead will be made`);
    const { topics: all } = await topics.admin.fetchTopicMetadata();
    expect(all.map((topic) => topic.name)).not.toContain(`${name}.out.dead`);
  });

  test('names a topic that is missing, and a format that does not fit', async () => {
    expect(finding(await findings(live({ topic: `${name}-no` })), 'intake')).toMatchObject({
      code: 'KAFKA_TOPIC_MISSING',
    });
    expect(finding(await findings(live({ topic: undefined, topicPattern: `${name}-no.*` })), 'intake').says).toMatch(
      /no topic matches/,
    );
    const other = { ...live(), outputSettings: { type: 'kafka', topic: `${name}-no` } };
    expect(finding(await findings(other), 'output')).toMatchObject({ code: 'KAFKA_TOPIC_MISSING' });
  });

  test('one line tells that no broker answers', async () => {
    const found = await findings({ ...live(), kafka: { brokers: [`127.0.0.1:${await freePort()}`] } });
    expect(statuses(found)).toMatchObject({
      Kafka: 'fails',
      intake: 'skipped',
      output: 'skipped',
      'dead letters': 'skipped',
      'consumer group': 'skipped',
      'prediction server': 'ok',
    });
  });
});

describe('sluice doctor of databases, addresses and datasets', () => {
  test('looks at tables, and makes none', async () => {
    await using database = await newSqlite();
    const { connection, access } = database;
    const { signal } = new AbortController();
    await connection.execute('CREATE TABLE flights (id INTEGER PRIMARY KEY, x REAL)', [], signal);
    const jdbc = { type: 'jdbc', jdbcUrl: access.jdbcUrl };
    const outputSettings = { ...jdbc, table: 'scored', statementType: 'insert', createTableIfNotExists: true };
    const found = await findings({ intakeSettings: { ...jdbc, table: 'flights' }, outputSettings });
    expect(finding(found, 'intake').says).toBe('table flights can be read');
    expect(finding(found, 'output').says).toBe('table scored can be written, exactly-once');
    expect(finding(found, 'dead letters').says).toMatch(/sluice_dead_letters/);
    expect(found.every(({ status }) => status === 'ok')).toBe(true);
    expect(await tableNames(database)).toEqual(['flights']);
    const wrong = await findings({
      intakeSettings: { ...jdbc, table: 'flight' },
      outputSettings: { ...outputSettings, createTableIfNotExists: false },
    });
    expect(finding(wrong, 'intake').says).toMatch(/no table.*flight/);
    expect(finding(wrong, 'output').says).toMatch(/createTableIfNotExists/);
  });

  test('looks at addresses, sends nothing, and at the disk that the output grows on', async () => {
    await using web = await WebServer.start();
    web.bodies.set('/rows.csv', { bytes: Buffer.from('x,id\n1,a\n'), etag: '"1"', ranges: true });
    const spool = join(folder, 'to-send.csv');
    const output = { type: 'http', url: `${web.url}/scored.csv?signature=a-secret-token`, spool };
    const found = await findings({
      intakeSettings: { type: 'http', url: `${web.url}/rows.csv?signature=a-secret-token` },
      outputSettings: output,
    });
    expect(finding(found, 'intake')).toMatchObject({ status: 'ok', says: `${web.url}/rows.csv can be read` });
    expect(finding(found, 'output')).toMatchObject({ status: 'ok' });
    expect(finding(found, 'disk').says).toContain(folder);
    expect(JSON.stringify(found)).not.toContain('a-secret-token');
    expect(web.uploads).toEqual([]);
    const wrong = await findings({ intakeSettings: { type: 'http', url: `${web.url}/row.csv` } });
    expect(finding(wrong, 'intake').says).toMatch(/There is nothing at .*row\.csv/);
  });

  test('looks at a dataset of a catalog', async () => {
    await using catalog = await CatalogServer.start();
    catalog.add('flights', { text: 'x,id\n1,a\n' });
    const dataset = { type: 'dataset', datasetId: 'flights', catalogUrl: catalog.url, token: catalog.token };
    expect(finding(await findings({ intakeSettings: dataset }), 'intake')).toMatchObject({
      status: 'ok',
      says: 'dataset flights can be read',
    });
    const wrong = await findings({ intakeSettings: { ...dataset, datasetId: 'flight' } });
    expect(finding(wrong, 'intake').says).toMatch(/no dataset flight/);
  });
});
