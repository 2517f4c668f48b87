import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CatalogIndex } from '../../connectors/catalog/catalog-index.ts';
import { listText, versionsText } from '../../src/cli/catalog-text.ts';
import { defaultCsvSettings } from '../../src/codecs/csv/csv-settings.ts';
import { csvReaders } from '../../src/codecs/formats.ts';
import { createStreamSource } from '../../src/codecs/streams/stream-source.ts';
import { systemClock } from '../../src/core/clock.ts';
import { findSluiceError } from '../../src/core/error.ts';
import type { Source } from '../../src/core/source.ts';
import { type JobInput, type RunJobOptions } from '../../src/index.ts';
import { addDataset, removeDataset } from '../../src/jobs/catalog/add-dataset.ts';
import { openDatasetInput } from '../../src/jobs/catalog/dataset-input.ts';
import { StoredVersions } from '../../src/jobs/catalog/version-files.ts';
import { loadConfiguration } from '../../src/jobs/configuration.ts';
import type { CatalogPlace } from '../../src/jobs/description/dataset-fields.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
import { startJob } from '../../src/jobs/run-job.ts';
import { startModelServer } from '../../src/model-server/index.ts';
import { CatalogServer } from '../support/catalog-server.ts';
import { sluice, startSluice } from '../support/command-line.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { needs } from '../support/services/needs.ts';
import { type S3Bucket, s3Bucket } from '../support/services/s3.ts';
import { WebServer } from '../support/web-server.ts';

const root = join(import.meta.dirname, '../..');
const ROWS = 500;
const never = new AbortController().signal;

function text(from: number): string {
  return `x,id\n${Array.from({ length: ROWS }, (_, i) => `${from + i},r${i}\n`).join('')}`;
}

function scored(from: number): string {
  return `y_PREDICTION,id\n${Array.from({ length: ROWS }, (_, i) => `${2 * (from + i)},r${i}\n`).join('')}`;
}

let predictions: PredictionServer;
let folder = '';
beforeAll(async () => {
  predictions = await PredictionServer.start();
});
afterAll(() => predictions.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-catalog-'));
});
afterEach(() => {
  predictions.options = {};
  rmSync(folder, { recursive: true, force: true });
});

function place(): CatalogPlace {
  const nowhere = { url: null, token: null, allowedHosts: [], caFile: null, store: null };
  return { ...nowhere, folder: join(folder, 'state/catalog'), user: null };
}

/** Adds a version of the dataset `rows`, and gives its ID. */
async function add(source: Source | string): Promise<string> {
  using index = await CatalogIndex.open(place().folder);
  await using files = new StoredVersions(place(), systemClock);
  const input =
    typeof source === 'string'
      ? createStreamSource({
          name: 'the text',
          input: (async function* () {
            yield Buffer.from(source);
          })(),
          readers: csvReaders(defaultCsvSettings),
          compression: 'none',
        })
      : source;
  const options = {
    index,
    files,
    target: { kind: 'named', name: 'rows' },
    source: input,
    description: 'a test',
    format: 'csv',
    compression: 'none',
  } as const;
  return (await addDataset({ ...options, clock: systemClock }, never)).versionId;
}

function jobOf(intake: object, path = join(folder, 'scored.csv')): JobInput {
  return {
    deployment: { id: 'd', server: predictions.url },
    intakeSettings: { type: 'dataset', datasetId: 'rows', ...intake },
    outputSettings: { path },
    passthroughColumns: ['id'],
    numConcurrent: 1,
    chunkRows: 50,
  };
}

async function run(job: JobInput, options: RunJobOptions = {}): Promise<void> {
  const env = { SLUICE_STATE: join(folder, 'state') };
  await startJob(resolveJob(job, { env }), options).result;
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => findSluiceError(thrown),
  );
  return `${error?.code}: ${error?.message}`;
}

/** Interrupts a run of the job after half of it. */
async function interrupted(job: JobInput, options: RunJobOptions = {}): Promise<void> {
  const stopping = new AbortController();
  const before = predictions.requests.length;
  predictions.options = {
    respond: () => {
      if (predictions.requests.length - before > ROWS / 50 / 2) stopping.abort(new Error('stopped by the test'));
      return undefined;
    },
  };
  const commits = { everyMs: 0, everyBytes: 1 };
  expect(await refusal(run(job, { ...options, signal: stopping.signal, commits }))).not.toContain('CONTRACT');
  predictions.options = {};
}

function read(name = 'scored.csv'): string {
  return readFileSync(join(folder, name), 'utf8');
}

describe('the registry', () => {
  test('keeps every version as it was, and shows the latest first', async () => {
    const [first, second] = [await add(text(0)), await add(text(1_000))];
    using index = await CatalogIndex.open(place().folder);
    expect(index.versions('rows').map(({ versionId, number }) => [versionId, number])).toEqual([
      [second, 2],
      [first, 1],
    ]);
    expect(index.version('rows', null).versionId).toBe(second);
    expect(index.version('rows', '1')).toMatchObject({ versionId: first, rows: ROWS, isLatest: false });
    expect(index.version('rows', first).columns.map(({ name, type }) => [name, type])).toEqual([
      ['x', 'integer'],
      ['id', 'string'],
    ]);
    const { location, bytes } = index.version('rows', '1');
    const kept = readFileSync(join(place().folder, location));
    expect(kept.toString()).toBe(text(0));
    expect(bytes).toBe(kept.length);
  });

  test('has no version of a source that failed, was empty, or was given up, and no file of it', async () => {
    await add(text(0));
    expect(await refusal(add('x,id\n1,2,3\n'))).toMatch(/^CSV_RAGGED/);
    expect(await refusal(add('x,id\n'))).toMatch(/^INTAKE_EMPTY/);
    using index = await CatalogIndex.open(place().folder);
    expect(index.versions('rows')).toHaveLength(1);
    const { datasetId } = index.version('rows', null);
    expect(readdirSync(join(place().folder, 'data', datasetId))).toHaveLength(2);
    rmSync(folder, { recursive: true });
    expect(await refusal(add('x,id\n'))).toMatch(/^INTAKE_EMPTY/);
    using empty = await CatalogIndex.open(place().folder);
    expect(empty.list()).toEqual([]);
    expect(await refusal(Promise.resolve().then(() => empty.versions('rows')))).toMatch(
      /^INTAKE_NOT_FOUND: .*has no dataset "rows".*sluice catalog add/,
    );
  });

  test('takes versions of several processes at once, each under a number of its own', async () => {
    await Promise.all([add(text(0)), add(text(1)), add(text(2))]);
    using index = await CatalogIndex.open(place().folder);
    expect(index.versions('rows').map(({ number }) => number)).toEqual([3, 2, 1]);
  });

  test('removes one version, and with the last one the dataset', async () => {
    const [first, second] = [await add(text(0)), await add(text(1))];
    using index = await CatalogIndex.open(place().folder);
    await using files = new StoredVersions(place(), systemClock);
    await removeDataset({ index, files }, 'rows', '2', never);
    expect(index.versions('rows').map(({ versionId, isLatest }) => [versionId, isLatest])).toEqual([[first, true]]);
    expect(await refusal(removeDataset({ index, files }, 'rows', second, never))).toMatch(/^INTAKE_NOT_FOUND/);
    await removeDataset({ index, files }, 'rows', null, never);
    expect(index.list()).toEqual([]);
    expect(readdirSync(join(place().folder, 'data'))).toEqual([]);
  });

  test('reads what stands behind an address', async () => {
    await using web = await WebServer.start();
    web.bodies.set('/rows.csv', { bytes: Buffer.from(text(5)), etag: '"1"', ranges: true });
    const input = { csvSettings: defaultCsvSettings, s3: {}, configuration: undefined };
    const address = `${web.url}/rows.csv?signature=hidden`;
    const opened = openDatasetInput({ ...input, source: address }, { input: process.stdin }, systemClock);
    expect(opened.description).toBe(`${web.url}/rows.csv`);
    await add(opened.source);
    using index = await CatalogIndex.open(place().folder);
    expect(index.version('rows', null).columns[0]).toMatchObject({ min: 5, max: 504, mean: 254.5, distinct: 500 });
  });
});

describe('a job that reads a dataset of the registry', () => {
  test('reads the latest version, or the one that is named, whatever the dialect of its output', async () => {
    const first = await add(text(0));
    await add(text(1_000));
    await run(jobOf({}));
    expect(read()).toBe(scored(1_000));
    await run(jobOf({ datasetVersionId: first }, join(folder, 'first.csv')));
    expect(read('first.csv')).toBe(scored(0));
    await run({ ...jobOf({ datasetVersionId: '1' }, join(folder, 'tab.csv')), csvSettings: { delimiter: 'tab' } });
    expect(read('tab.csv')).toBe(scored(0).replaceAll(',', '\t'));
  });

  test('keeps to the version that it began with, when a newer one comes in between', async () => {
    await add(text(0));
    await interrupted(jobOf({}));
    await add(text(1_000));
    const before = predictions.requests.length;
    await run(jobOf({}));
    expect(read()).toBe(scored(0));
    expect(predictions.requests.length - before).toBeLessThan(ROWS / 50);
    // Begun anew it takes the newer one.
    await run(jobOf({}), { overwrite: true });
    expect(read()).toBe(scored(1_000));
  });

  test('is refused when it was to go on with another version, another dataset, or other settings', async () => {
    await add(text(0));
    await interrupted(jobOf({}));
    const second = await add(text(1_000));
    expect(await refusal(run(jobOf({ datasetVersionId: second })))).toMatch(/^LEDGER_OTHER_JOB: .*intake/);
    expect(await refusal(run({ ...jobOf({}), passthroughColumns: [] }))).toMatch(
      /^LEDGER_OTHER_JOB: .*passthroughColumns/,
    );
    using index = await CatalogIndex.open(place().folder);
    await using files = new StoredVersions(place(), systemClock);
    await removeDataset({ index, files }, 'rows', '1', never);
    expect(await refusal(run(jobOf({})))).toMatch(/^INTAKE_NOT_FOUND: .*has no version/);
  });

  test('says which datasets and versions there are when it names none of them', async () => {
    expect(await refusal(run(jobOf({})))).toMatch(
      /^INTAKE_NOT_FOUND: There is no catalog in .*sluice catalog add makes one/,
    );
    expect(readdirSync(folder)).not.toContain('state');
    await add(text(0));
    expect(await refusal(run(jobOf({ datasetId: 'row' })))).toMatch(
      /^INTAKE_NOT_FOUND: The catalog in .* has no dataset "row". It has rows\./,
    );
    expect(await refusal(run(jobOf({ datasetVersionId: '7' })))).toMatch(
      /^INTAKE_NOT_FOUND: The dataset "rows" has no version 7\. It has 1 \(/,
    );
  });
});

describe('a job that reads a dataset of a catalog behind its API', () => {
  let server: CatalogServer;
  beforeEach(async () => {
    server = await CatalogServer.start();
  });
  afterEach(() => server[Symbol.asyncDispose]());

  function remote(more: object = {}): JobInput {
    return jobOf({ catalogUrl: server.url, token: server.token, ...more });
  }

  test('takes the latest version, or the one that is named', async () => {
    const first = server.add('rows', { text: text(0) });
    server.add('rows', { text: text(1_000) });
    await run(remote());
    expect(read()).toBe(scored(1_000));
    await run(remote({ datasetVersionId: first }), { overwrite: true });
    expect(read()).toBe(scored(0));
    expect(server.web.requests.map(({ path }) => path)).toContain('/api/v2/datasets/rows/');
  });

  test('keeps to the version that it began with, and goes on in the middle of its file', async () => {
    const first = server.add('rows', { text: text(0) });
    await interrupted(remote());
    server.add('rows', { text: text(1_000) });
    const before = server.web.requests.length;
    await run(remote());
    expect(read()).toBe(scored(0));
    const files = server.web.requests.slice(before).filter(({ path }) => path.endsWith(`${first}/file/`));
    expect(files.some(({ headers }) => /^bytes=[1-9]\d+-$/.test(headers.range ?? ''))).toBe(true);
  });

  test('is refused a version that is no snapshot or not ingested, before any row is sent', async () => {
    const sent = predictions.requests.length;
    server.add('rows', { text: text(0), isSnapshot: false });
    expect(await refusal(run(remote()))).toMatch(
      /^DATASET_UNUSABLE: Version rowsv1 of the dataset "the rows" \(rows\) is not a snapshot, and only snapshots can be scored\./,
    );
    server.add('rows', { text: text(0), processingState: 'RUNNING' });
    expect(await refusal(run(remote()))).toMatch(/^DATASET_UNUSABLE: .*is not ingested \(RUNNING\)/);
    expect(predictions.requests).toHaveLength(sent);
    const error = await startJob(resolveJob(remote())).result.catch((thrown: unknown) => findSluiceError(thrown));
    expect(error).toMatchObject({ status: 422 });
  });

  test('is told of a wrong token, a missing right, a missing dataset or version, and a wrong address, each in words of its own', async () => {
    server.add('rows', { text: text(0) });
    expect(await refusal(run(remote({ token: 'hidden' })))).toMatch(
      /^STORE_ACCESS: The catalog http:\S+\/api\/v2 does not know who asks \(401\).*Invalid token\.$/,
    );
    expect(await refusal(run(remote({ datasetId: 'none' })))).toMatch(
      /^INTAKE_NOT_FOUND: The catalog .* has no dataset none\. Check intakeSettings.datasetId and the address of the catalog/,
    );
    expect(await refusal(run(remote({ datasetVersionId: 'none' })))).toMatch(
      /^INTAKE_NOT_FOUND: .*has no version none of dataset rows\. Check intakeSettings.datasetVersionId/,
    );
    server.web.fault = () => ({ status: 403, body: '{"message": "not yours"}' });
    expect(await refusal(run(remote()))).toMatch(
      /^STORE_ACCESS: .*gives no right to read dataset rows \(403\).*not yours/,
    );
    server.web.fault = () => ({ status: 200, body: '<html>welcome</html>' });
    expect(await refusal(run(remote()))).toMatch(
      /^INTAKE_UNREADABLE: .*is no dataset\. Check the address of the catalog/,
    );
  });

  test('goes on when the catalog is overloaded or breaks off, and follows downloads to allowed hosts without its token', async () => {
    const version = server.add('rows', { text: text(0) });
    await using files = await WebServer.start();
    files.bodies.set('/kept.csv', { bytes: Buffer.from(text(0)), etag: '"k"', ranges: true });
    files.fault = ({ number }) => (number === 1 ? { breakAfter: 1_000 } : null);
    let asked = 0;
    server.web.fault = ({ path }) => {
      asked += 1;
      if (asked === 1) return { status: 503, headers: { 'retry-after': '0' } };
      if (path.endsWith(`${version}/file/`))
        return { status: 302, headers: { location: `${files.url}/kept.csv?sig=1` } };
      return null;
    };
    expect(await refusal(run(remote()))).toMatch(/^CONFIG_INVALID: .*another host; add \S+ to allowedHosts/);
    await run(remote({ allowedHosts: [files.host] }));
    expect(read()).toBe(scored(0));
    expect(files.requests.length).toBeGreaterThan(2);
    expect(files.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  test('finds address and token in the configuration', async () => {
    server.add('rows', { text: text(0) });
    const file = `catalog: { url: "${server.url}", token: "\${T}" }\nstateFolder: elsewhere\n`;
    const configuration = loadConfiguration('c.yaml', { env: { T: server.token }, readFile: () => file });
    await startJob(resolveJob(jobOf({}), { configuration, env: {} })).result;
    expect(read()).toBe(scored(0));
    const job = resolveJob(jobOf({}), { configuration, env: {} });
    expect(JSON.stringify(job)).not.toContain(server.token);
    expect(job.intakeSettings).toMatchObject({ catalog: { folder: 'elsewhere/catalog' } });
  });
});

describe('sluice catalog', () => {
  const env = (): Record<string, string> => ({ SLUICE_STATE: join(folder, 'state') });

  test('adds, lists, shows and removes, as text and as JSON, and dataset.yaml runs as it stands', async () => {
    writeFileSync(join(folder, 'rows.csv'), text(0).replaceAll(',', ';'));
    const options = { cwd: folder, env: env() };
    const added = await sluice(
      ['catalog', 'add', 'rows', 'rows.csv', '--delimiter', ';', '--compression', 'gzip'],
      options,
    );
    expect(added).toMatchObject({ code: 0, stderr: '' });
    expect(added.stdout).toMatch(/^rows: version 1 \([0-9a-f]{24}\), 500 rows, 2 columns\n$/);
    const piped = await sluice(['catalog', 'add', 'rows', '-', '--json'], { ...options, stdin: text(7) });
    expect(JSON.parse(piped.stdout)).toMatchObject({ versionNumber: 2, isLatestVersion: true, rowCount: ROWS });
    const shown = await sluice(['catalog', 'show', 'rows', '1'], options);
    expect(shown.stdout).toMatch(/^rows, version 1\n.*\n +500 rows, [\d,]+ bytes, SHA-256 [0-9a-f]{64}\n/);
    expect(shown.stdout).toMatch(/\nx +integer +0 +500 +0 +499 +249\.5\n/);
    using index = await CatalogIndex.open(place().folder);
    expect(listText(index.list())).toMatch(/^name +version +rows .*\nrows +2 +500 +2 /);
    expect(versionsText(index.versions('rows')).split('\n').slice(1, 3)).toEqual([
      expect.stringMatching(/^2 \(latest\) +500 .* standard input +[0-9a-f]{24}$/),
      expect.stringMatching(/^1 +500 .* rows\.csv +[0-9a-f]{24}$/),
    ]);
    const models = await startModelServer({ models: join(root, 'models'), port: 0 });
    await sluice(['catalog', 'add', 'flights', join(root, 'config/examples/flights.csv')], options);
    mkdirSync(join(folder, 'work'));
    const ran = await sluice(['run', join(root, 'config/examples/dataset.yaml')], {
      ...options,
      env: { ...env(), PREDICTION_SERVER: models.url, PREDICTION_TOKEN: '' },
    });
    await models.close();
    expect(ran.stderr).toMatch(/work\/scored-dataset\.csv: 200 rows scored/);
    expect(ran.code).toBe(0);
    expect(await sluice(['catalog', 'remove', 'rows', '1'], options)).toMatchObject({
      code: 0,
      stdout: 'rows: version 1 removed\n',
    });
    expect(index.versions('rows')).toHaveLength(1);
    expect((await sluice(['catalog', 'add', '../x', 'rows.csv'], options)).code).toBe(2);
  }, 120_000);

  test('leaves nothing of a version whose making is killed, and the next one sweeps', async () => {
    const options = { cwd: folder, env: env() };
    await using web = await WebServer.start();
    web.bodies.set('/rows.csv', { bytes: Buffer.from(text(0)), etag: '"1"', ranges: true });
    const killed = startSluice(['catalog', 'add', 'rows', `${web.url}/rows.csv`], options);
    // Its file is begun when it asks for the rows.
    web.fault = ({ headers }) => {
      if (headers.range !== undefined) return null;
      killed.process.kill('SIGKILL');
      return { silentAfter: 1_000 };
    };
    expect((await killed.ended).code).toBeNull();
    const data = join(place().folder, 'data');
    const partial = (): readonly string[] =>
      (readdirSync(data, { recursive: true }) as string[]).filter((name) => name.endsWith('.partial'));
    expect(partial().length).toBeGreaterThan(0);
    using index = await CatalogIndex.open(place().folder);
    expect(index.list()).toEqual([]);
    await add(text(0));
    expect(partial()).toEqual([]);
    expect(index.list().map(({ rows }) => rows)).toEqual([ROWS]);
    expect(await index.abandoned()).toEqual([]);
  }, 120_000);
});

needs('s3')('a registry whose versions are in S3', () => {
  let bucket: S3Bucket;
  beforeAll(async () => {
    bucket = await s3Bucket();
  });
  afterAll(() => bucket.client.destroy());

  test('keeps its files there, reads objects of it, and removes all that it made', async () => {
    const { endpointUrl, accessKeyId, secretAccessKey, client, bucket: name } = bucket;
    await client.send(new PutObjectCommand({ Bucket: name, Key: 'in/rows.csv', Body: text(0) }));
    writeFileSync(
      join(folder, 'sluice.yaml'),
      `stateFolder: ${join(folder, 'state')}
credentials: { store: { awsAccessKeyId: "${accessKeyId}", awsSecretAccessKey: "${secretAccessKey}" } }
catalog: { store: { url: "s3://${name}/kept/", credentialId: store, endpointUrl: "${endpointUrl}" } }\n`,
    );
    const options = { cwd: folder };
    const config = ['--config', 'sluice.yaml'];
    const source = [`s3://${name}/in/`, '--credential-id', 'store', '--endpoint-url', endpointUrl];
    const added = await sluice(['catalog', 'add', 'rows', ...source, ...config], options);
    expect(added).toMatchObject({ code: 0, stderr: '' });
    const keys = async (): Promise<readonly string[]> => {
      const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: name, Prefix: 'kept/' }));
      return (Contents ?? []).map(({ Key }) => Key ?? '');
    };
    expect(await keys()).toEqual([
      expect.stringMatching(/^kept\/[0-9a-f]{24}\/[0-9a-f]{24}\.csv$/),
      expect.stringMatching(/\.csv\.manifest\.json$/),
    ]);
    const configuration = loadConfiguration(join(folder, 'sluice.yaml'));
    await startJob(resolveJob(jobOf({}), { configuration, env: {} })).result;
    expect(read()).toBe(scored(0));
    expect(await sluice(['catalog', 'remove', 'rows', ...config], options)).toMatchObject({ code: 0 });
    expect(await keys()).toEqual([]);
  }, 120_000);
});
