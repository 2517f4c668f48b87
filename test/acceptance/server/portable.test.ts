import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseJob } from '../../../src/jobs/description/parse-job.ts';
import { type ApiServer, startApi } from '../../support/api-server.ts';
import { type Ended, sluice } from '../../support/command-line.ts';
import { PredictionServer } from '../../support/prediction-server.ts';

const CSV = 'id,c\n1,a\n2,"b, ${HOME}"\n';
let folder = '';
let prediction: PredictionServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-portable-'));
  prediction = await PredictionServer.start();
});
afterAll(async () => {
  await prediction.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Makes a definition, and gives its portable job as it is sent. */
async function portable(api: ApiServer, body: object): Promise<string> {
  const made = await api.post('/batchPredictionJobDefinitions/', { deploymentId: 'd', ...body });
  expect(made.status, await made.clone().text()).toBe(200);
  const { id } = (await made.json()) as { id: string };
  const reply = await api.request(`/batchPredictionJobDefinitions/${id}/portable/`);
  expect(reply.status).toBe(200);
  expect(reply.headers.get('content-type')).toBe('application/yaml');
  return await reply.text();
}

/** Runs a portable job in a folder of its own, which knows nothing of the server. */
function run(yaml: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const cwd = mkdtempSync(join(folder, 'elsewhere-'));
  writeFileSync(join(cwd, 'job.yaml'), yaml);
  writeFileSync(join(cwd, 'rows.csv'), CSV);
  return sluice(['run', 'job.yaml', '--quiet'], { cwd, env: { SLUICE_STATE: cwd, ...env } });
}

describe('the portable job of a definition', () => {
  test('gives by sluice run what a job of the definition gives', async () => {
    await using api = await startApi({
      deployments: {},
      configuration: { deployments: { d: { server: prediction.url, token: 'secret-of-d', associationId: 'id' } } },
    });
    const body = {
      name: 'nightly\n# not a line: of its own',
      passthroughColumns: ['c'],
      columnNamesRemapping: { y_PREDICTION: 'late ${HOME}' },
      includePredictionStatus: true,
      numConcurrent: 2,
      priority: 5,
      csvSettings: { delimiter: ',' },
      maxNgramExplanations: null,
    };
    const yaml = await portable(api, body);
    expect(yaml).not.toContain('secret-of-d');
    expect(yaml).not.toContain(api.state);
    expect(parse(yaml)).toMatchObject({ deployment: { id: 'd', server: prediction.url, associationId: 'id' } });
    const refused = await run(yaml);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/INTAKE_FILE is not set/)]);
    expect(refused.stderr).toContain('PREDICTION_TOKEN');
    const output = join(folder, 'nightly.csv');
    const env = { INTAKE_FILE: 'rows.csv', OUTPUT_FILE: output, PREDICTION_TOKEN: 'another', HOME: '/nowhere' };
    const ended = await run(yaml, env);
    expect(ended.code, ended.stderr).toBe(0);
    expect(prediction.requests.at(-1)!.headers.authorization).toBe('Bearer another');
    const { id } = await api.create({ deploymentId: 'd', ...body, name: undefined });
    await api.upload(id, CSV);
    await api.ended(id);
    expect(readFileSync(output, 'utf8')).toBe(await api.result(id));
    expect(readFileSync(output, 'utf8')).toMatch(/^late \$\{HOME\},prediction_status,c,id\n/);
  });

  test('reads and writes the databases that variables name', async () => {
    const file = join(folder, 'rows.db');
    const database = new DatabaseSync(file);
    database.exec(
      "CREATE TABLE flights (id INTEGER PRIMARY KEY, c TEXT); INSERT INTO flights VALUES (1, 'a'), (2, 'b')",
    );
    database.close();
    const output = join(folder, 'scored.db');
    const [jdbcUrl, outputUrl] = [`jdbc:sqlite:${file}`, `jdbc:sqlite:${output}`];
    await using api = await startApi({
      deployments: { d: prediction.url },
      configuration: { dataStores: { warehouse: { jdbcUrl }, results: { jdbcUrl: outputUrl } } },
    });
    const yaml = await portable(api, {
      intakeSettings: {
        type: 'jdbc',
        dataStoreId: 'warehouse',
        query: "SELECT * FROM flights WHERE '{{ current_run_time }}' > '2026' AND c <> '${C}'",
      },
      outputSettings: { type: 'jdbc', dataStoreId: 'results', table: 'scored', statementType: 'create_table' },
      passthroughColumnsSet: 'all',
    });
    expect(yaml).not.toContain(folder);
    const ended = await run(yaml, { INTAKE_JDBC_URL: jdbcUrl, OUTPUT_JDBC_URL: `${outputUrl}?create=true` });
    expect(ended.code, ended.stderr).toBe(0);
    const written = new DatabaseSync(output);
    const rows = written.prepare('SELECT * FROM scored ORDER BY id').all();
    written.close();
    expect(rows.map((row) => ({ ...row }))).toEqual([
      { y_PREDICTION: 2, id: 1, c: 'a' },
      { y_PREDICTION: 4, id: 2, c: 'b' },
    ]);
  });

  test('reads the datasets of the server', async () => {
    const token = 'token-of-anna';
    await using api = await startApi({
      deployments: { d: prediction.url },
      server: { tokens: [{ token, user: 'anna' }] },
      token,
    });
    const form = new FormData();
    form.append('file', new Blob([CSV]), 'rows.csv');
    const made = await api.request('/datasets/fromFile/', { method: 'POST', body: form });
    const { catalogId } = (await made.json()) as { catalogId: string };
    const yaml = await portable(api, { intakeSettings: { type: 'dataset', datasetId: catalogId } });
    expect(yaml).not.toContain(token);
    const output = join(folder, 'dataset.csv');
    const ended = await run(yaml, { SLUICE_TOKEN: token, OUTPUT_FILE: output });
    expect(ended.code, ended.stderr).toBe(0);
    expect(readFileSync(output, 'utf8')).toBe('y_PREDICTION\n2\n4\n');
  });

  test('has none of the secrets of its definition, and none of the paths of its server', async () => {
    const baseline = join(folder, 'typical.csv');
    writeFileSync(baseline, CSV);
    const d = {
      server: prediction.url,
      token: 'SECRET-1',
      dataRobotKey: 'SECRET-2',
      explanationAlgorithm: 'occlusion',
      explanation: { baseline: { type: 'localFile', file: baseline }, columns: ['c'] },
    };
    await using api = await startApi({
      deployments: {},
      env: { SLUICE_KEY: randomBytes(32).toString('hex') },
      server: { allowTargets: ['db.example.com', '127.0.0.1'] },
      configuration: { deployments: { d } },
    });
    const credential = async (body: object): Promise<string> => {
      const reply = await api.post('/credentials/', body);
      return ((await reply.json()) as { credentialId: string }).credentialId;
    };
    const basic = await credential({ credentialType: 'basic', name: 'b', user: 'SECRET-3', password: 'SECRET-4' });
    const params = { jdbcUrl: 'jdbc:postgresql://db.example.com/sales?sslpassword=SECRET-5', credentialId: basic };
    const store = await api.post('/externalDataStores/', { canonicalName: 's', params });
    const { id: dataStoreId } = (await store.json()) as { id: string };
    const definitions: readonly object[] = [
      {
        intakeSettings: {
          type: 'http',
          url: 'http://127.0.0.1:1/rows?signature=SECRET-6',
          token: 'SECRET-7',
          headers: { 'X-Key': 'SECRET-8' },
          method: 'POST',
          body: 'SECRET-9',
        },
        outputSettings: {
          type: 's3',
          url: 's3://bucket/out.csv',
          credentials: { awsAccessKeyId: 'SECRET-10', awsSecretAccessKey: 'SECRET-11', awsSessionToken: 'SECRET-12' },
          serverSideEncryption: { customerAlgorithm: 'AES256', customerKey: 'SECRET-13' },
        },
      },
      {
        intakeSettings: { type: 's3', url: 's3://bucket/in.csv', customerKey: 'SECRET-14' },
        outputSettings: { type: 'http', url: 'http://user:SECRET-15@127.0.0.1:1/out' },
        predictionInstance: {
          hostName: '127.0.0.1:1',
          sslEnabled: false,
          apiKey: 'SECRET-16',
          datarobotKey: 'SECRET-17',
        },
      },
      {
        intakeSettings: { type: 'jdbc', dataStoreId, table: 'rows' },
        outputSettings: { type: 'jdbc', dataStoreId, credentialId: basic, table: 'scored', statementType: 'insert' },
      },
    ];
    for (const definition of definitions) {
      const yaml = await portable(api, definition);
      expect(yaml).not.toMatch(/SECRET-\d/);
      expect(yaml).not.toContain(folder);
      expect(yaml).not.toContain(api.state);
      // With its variables set it is a job.
      const names = [...yaml.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name!);
      const value = (name: string): string =>
        name.endsWith('JDBC_URL')
          ? 'jdbc:postgresql://127.0.0.1:1/x'
          : name.endsWith('_URL')
            ? 'http://127.0.0.1:1/'
            : baseline;
      const env = Object.fromEntries(names.map((name) => [name, value(name)]));
      expect(parseJob(yaml, 'job.yaml', { env }).deployment.id).toBe('d');
    }
  });

  test('is given to the owner of the definition alone', async () => {
    const tokens = [
      { token: 'token-of-anna', user: 'anna' },
      { token: 'token-of-bert', user: 'bert' },
    ];
    await using api = await startApi({
      deployments: { d: prediction.url },
      server: { tokens },
      token: 'token-of-anna',
    });
    const made = await api.post('/batchPredictionJobDefinitions/', { deploymentId: 'd' });
    const { id } = (await made.json()) as { id: string };
    const path = `/batchPredictionJobDefinitions/${id}/portable/`;
    const headers = { authorization: 'Bearer token-of-bert' };
    expect((await api.request(path, { headers })).status).toBe(404);
    expect((await api.request(path)).status).toBe(200);
  });
});
