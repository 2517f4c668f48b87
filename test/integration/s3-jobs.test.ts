import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findSluiceError } from '../../src/core/error.ts';
import { type JobInput, runJob } from '../../src/index.ts';
import { loadConfiguration } from '../../src/jobs/configuration.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
import { atRunTime } from '../../src/jobs/run-time.ts';
import { type ModelServer, startModelServer } from '../../src/model-server/index.ts';
import { sluice, startSluice } from '../support/command-line.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { needs } from '../support/services/needs.ts';
import { type S3Bucket, s3Bucket } from '../support/services/s3.ts';

const root = join(import.meta.dirname, '../..');
const examples = readdirSync(join(root, 'config/examples')).filter(
  (name) => name.includes('s3') && !name.includes('topic') && name.endsWith('.yaml'),
);
const ROWS = 3_000;
const TEXT = `x,id\n${Array.from({ length: ROWS }, (_, i) => `${i},r${i}\n`).join('')}`;
const SCORED = `y_PREDICTION,id\n${Array.from({ length: ROWS }, (_, i) => `${2 * i},r${i}\n`).join('')}`;

let folder = '';
let place: S3Bucket;
let server: PredictionServer;

async function put(key: string, text: string): Promise<void> {
  await place.client.send(new PutObjectCommand({ Bucket: place.bucket, Key: key, Body: Buffer.from(text) }));
}

async function bytesOf(key: string): Promise<Buffer> {
  const { Body } = await place.client.send(new GetObjectCommand({ Bucket: place.bucket, Key: key }));
  return Buffer.from(await Body!.transformToByteArray());
}

async function keysUnder(prefix: string): Promise<readonly string[]> {
  const { Contents } = await place.client.send(new ListObjectsV2Command({ Bucket: place.bucket, Prefix: prefix }));
  return (Contents ?? []).map(({ Key }) => Key ?? '');
}

/** Settings of an intake or output of the shared bucket. */
function s3<K extends string>(key: K) {
  const { endpointUrl, accessKeyId: awsAccessKeyId, secretAccessKey: awsSecretAccessKey } = place;
  const credentials = { awsAccessKeyId, awsSecretAccessKey };
  return { type: 's3', url: `s3://${place.bucket}/${key}`, endpointUrl, credentials } as const;
}

function jobOf(input: JobInput['intakeSettings'], output: JobInput['outputSettings']): JobInput {
  return {
    deployment: { id: 'd', server: server.url },
    intakeSettings: input,
    outputSettings: output,
    passthroughColumns: ['id'],
  };
}

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  const error = await work().then(
    () => null,
    (thrown: unknown) => findSluiceError(thrown),
  );
  return `${error?.code}: ${error?.message}`;
}

needs('s3')('a job in S3', () => {
  let models: ModelServer;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-s3-jobs-'));
    cpSync(join(root, 'config'), join(folder, 'config'), { recursive: true });
    mkdirSync(join(folder, 'work'));
    place = await s3Bucket();
    server = await PredictionServer.start();
    models = await startModelServer({ models: join(root, 'models'), port: 0 });
    await put('in/rows.csv', TEXT);
  });
  afterAll(async () => {
    await models.close();
    await server.close();
    place.client.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(examples)('%s runs as it stands', async (name) => {
    const { endpointUrl, bucket, client, accessKeyId, secretAccessKey } = await s3Bucket();
    const Body = readFileSync(join(root, 'config/examples/flights.csv'));
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'in/flights.csv', Body }));
    const ended = await sluice(['run', `config/examples/${name}`, '--config', 'config/examples/deployments.yaml'], {
      cwd: folder,
      env: {
        PREDICTION_SERVER: models.url,
        PREDICTION_TOKEN: '',
        S3_BUCKET: bucket,
        S3_ENDPOINT: endpointUrl,
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
      },
    });
    expect(ended.stderr).toMatch(/s3:\/\/\S+: \d+ rows scored/);
    expect(ended.stderr).not.toContain('{{');
    expect(ended.code).toBe(0);
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    expect(Contents).toHaveLength(3);
    client.destroy();
  });

  test('reads objects and writes one, compressed by its name, with its manifest', async () => {
    const { manifest } = await runJob(jobOf(s3('in/'), s3('plain/scored.csv'))).result;
    expect(manifest.tally).toEqual({ read: ROWS, scored: ROWS, failed: 0, skipped: 0 });
    expect((await bytesOf('plain/scored.csv')).toString()).toBe(SCORED);
    await runJob(jobOf(s3('in/rows.csv'), s3('packed/scored.csv.gz'))).result;
    expect(gunzipSync(await bytesOf('packed/scored.csv.gz')).toString()).toBe(SCORED);
    expect(await keysUnder('packed/')).toEqual(['packed/scored.csv.gz', 'packed/scored.csv.gz.manifest.json']);
  });

  test('mixes with files on either side', async () => {
    const [file, path] = [join(folder, 'rows.csv'), join(folder, 'scored.csv')];
    writeFileSync(file, TEXT);
    await runJob(jobOf(s3('in/rows.csv'), { type: 'localFile', path })).result;
    expect(readFileSync(path, 'utf8')).toBe(SCORED);
    await runJob(jobOf({ type: 'localFile', file }, s3('mixed/scored.csv'))).result;
    expect((await bytesOf('mixed/scored.csv')).toString()).toBe(SCORED);
  });

  test('killed in the middle is continued by another process, to the same bytes', async () => {
    const job = join(folder, 'job.json');
    const { intakeSettings, outputSettings, ...rest } = jobOf(s3('in/rows.csv'), s3('killed/scored.csv'));
    writeFileSync(job, JSON.stringify({ ...rest, intakeSettings, outputSettings, numConcurrent: 1, chunkRows: 50 }));
    let killed = false;
    const first = startSluice(['run', job]);
    server.options = {
      respond: () => {
        if (server.requests.length < ROWS / 50 / 2) return undefined;
        // What is committed by then is continued behind, be it much or nothing.
        if (!killed) killed = first.process.kill('SIGKILL');
        return { drop: 'before' };
      },
    };
    expect((await first.ended).code).toBeNull();
    server.options = {};
    const second = await sluice(['run', job]);
    expect(second.stderr).toMatch(new RegExp(`${ROWS.toLocaleString('en')} rows scored`));
    expect(second.code).toBe(0);
    expect((await bytesOf('killed/scored.csv')).toString()).toBe(SCORED);
    expect(await keysUnder('killed/')).toEqual(['killed/scored.csv', 'killed/scored.csv.manifest.json']);
    const { Uploads } = await place.client.send(new ListMultipartUploadsCommand({ Bucket: place.bucket }));
    expect(Uploads ?? []).toEqual([]);
  });

  test('sends dead letters where it is told, and bad rows only', async () => {
    server.options = { reject: ([x]) => (x === '7' ? 'no sevens' : null) };
    const job = jobOf(s3('in/rows.csv'), s3('bad/scored.csv'));
    await runJob({ ...job, deadLetters: { path: `s3://${place.bucket}/letters/bad.jsonl` } }).result;
    server.options = {};
    expect((await bytesOf('letters/bad.jsonl')).toString()).toContain('no sevens');
    expect(await keysUnder('bad/')).toEqual(['bad/scored.csv', 'bad/scored.csv.manifest.json']);
    const wrong = { ...job, deadLetters: { path: 'bad.jsonl' } };
    expect(await codeOf(async () => await runJob(wrong).result)).toMatch(/CONFIG_INVALID: .*deadLetters.path/);
  });

  test('leaves neither object nor upload when it is given up, or fails with a name that no other run has', async () => {
    const uploads = async (): Promise<number> =>
      (await place.client.send(new ListMultipartUploadsCommand({ Bucket: place.bucket }))).Uploads?.length ?? 0;
    const halfway = (work: () => unknown): void => {
      server.options = {
        respond: ({ number }) => {
          if (number < 20) return undefined;
          work();
          return { drop: 'before' };
        },
      };
      server.requests.length = 0;
    };
    const given = { ...jobOf(s3('in/rows.csv'), s3('given-up/scored.csv')), numConcurrent: 1, chunkRows: 50 };
    const run = runJob(given, { commits: { everyMs: 0 } });
    let kept: readonly string[] = [];
    halfway(async () => {
      if (kept.length > 0) return;
      kept = await keysUnder('given-up/');
      run.discard();
    });
    expect(await codeOf(() => run.result)).toMatch(/JOB_INTERRUPTED: given up/);
    expect(kept).toContain('given-up/scored.csv.ledger.json');
    const timed = {
      ...given,
      outputSettings: s3('timed/{{ current_run_timestamp }}.csv'),
      retry: { budgetSeconds: 0 },
    };
    halfway(() => undefined);
    expect(await codeOf(() => runJob(timed, { commits: { everyMs: 0 } }).result)).not.toMatch(/undefined/);
    server.options = {};
    expect([await keysUnder('given-up/'), await keysUnder('timed/'), await uploads()]).toEqual([[], [], 0]);
  });

  test('does not write over its intake', async () => {
    const run = runJob(jobOf(s3('in/'), s3('in/rows.csv')), { overwrite: true });
    expect(await codeOf(() => run.result)).toMatch(/CONFIG_INVALID: outputSettings.url: .* is an object of the intake/);
    expect((await bytesOf('in/rows.csv')).toString()).toBe(TEXT);
  });
});

const place0 = { type: 's3', url: 's3://b/k.csv' } as const;
const file0 = { type: 'localFile', file: 'a.csv' } as const;

function resolved(output: object, intake: object = file0): ReturnType<typeof resolveJob> {
  const deployment = { id: 'd', server: 'http://127.0.0.1' };
  return resolveJob({ deployment, intakeSettings: intake, outputSettings: output });
}

test('template variables of the url are replaced by the time of the run, others are refused', () => {
  const url = 's3://b/{{ current_run_timestamp }}/{{current_run_time}}.csv';
  const { outputSettings } = atRunTime(resolved({ ...place0, url }), Date.UTC(2026, 10, 24, 1, 2, 3, 456));
  expect(outputSettings).toMatchObject({
    url: `s3://b/${Date.UTC(2026, 10, 24, 1, 2, 3, 456)}/2026-11-24T01:02:03.csv`,
  });
  const other = (name: string) => () => atRunTime(resolved({ ...place0, url: `s3://b/{{ ${name} }}.csv` }), 0);
  expect(other('last_completed_run_time')).toThrow('only in runs of a job definition');
  expect(other('nonsense')).toThrow('there is no template variable {{ nonsense }}');
});

test.each([
  [{ ...place0, url: 's3://b/' }, 'must name an object'],
  [{ ...place0, url: 's3://b/dir/' }, 'must name an object'],
  [{ ...place0, url: 'https://b/k' }, 's3://bucket/key'],
  [{ ...place0, partitionColumns: ['a'] }, 'must be parquet'],
  [{ ...place0, partBytes: 1000 }, 'partBytes'],
  [{ ...place0, url: 's3://b/in.csv' }, 'is the object that is read'],
  [{ ...place0, endpointUrl: 'http://user:password@host' }, 'must hold no user and password'],
  [{ ...place0, credentialId: 'a', credentials: 'none' }, 'cannot be given beside credentialId'],
  [{ ...place0, credentialId: 'a' }, 'no configuration was given'],
])('an output of %j is refused: %s', (output, words) => {
  expect(() => resolved(output, { ...place0, url: 's3://b/in.csv' })).toThrow(words);
});

const topic0 = { type: 'kafka', topic: 't', group: 'g' } as const;

test.each([
  [{ ...place0 }, topic0, 'a prefix that ends in a slash'],
  [{ ...place0, url: 's3://b/{{ current_run_time }}/' }, topic0, 'the same on every run'],
  [{ ...place0, url: 's3://b/parts/' }, { ...topic0, until: 'now' }, 'must name an object'],
])('an output of %j of %j is refused: %s', (output, intake, words) => {
  expect(() => resolved(output, intake)).toThrow(words);
});

test('credentials are found by their ID, and seen by nobody', () => {
  const text =
    'credentials:\n' +
    '  store: { awsAccessKeyId: AK, awsSecretAccessKey: hidden-1, awsSessionToken: hidden-2 }\n' +
    '  other: { awsAccessKeyId: AK, awsSecretAccessKey: "${NOT_SET}" }\n';
  const configuration = loadConfiguration('c.yaml', { env: {}, readFile: () => text });
  const job = (credentialId: string) =>
    resolveJob(
      {
        deployment: { id: 'd', server: 'http://127.0.0.1' },
        intakeSettings: { ...place0, credentialId },
        outputSettings: { path: 'o.csv' },
      },
      { configuration },
    );
  const { intakeSettings } = job('store');
  const credentials = intakeSettings.type === 's3' ? intakeSettings.credentials : null;
  expect(credentials === null || credentials === 'none' ? '' : credentials.awsSecretAccessKey.reveal()).toBe(
    'hidden-1',
  );
  expect(JSON.stringify(job('store'))).not.toContain('hidden');
  expect(() => job('other')).toThrow('NOT_SET is not set');
  expect(() => job('stor')).toThrow('did you mean "store"?');
});
