import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { GetObjectCommand, ListMultipartUploadsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, startApi } from '../support/api-server.ts';
import { sluice } from '../support/command-line.ts';
import { type Behaviour, PredictionServer } from '../support/prediction-server.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { leftOut } from '../support/services/left-out.ts';
import { needs } from '../support/services/needs.ts';
import { s3Bucket } from '../support/services/s3.ts';
import { WebServer } from '../support/web-server.ts';

const CSV = 'id,x\n1,a\n2,b\n3,c\n';
const RESULT = 'y_PREDICTION,id\n2,1\n4,2\n6,3\n';
const BODY = { deploymentId: 'd', passthroughColumns: ['id'] };

describe('in one process', () => ends(async () => ({})));

needs('kafka')('over Kafka', () => {
  ends(async () => ({ kafka: { brokers: (await kafkaService()).brokers, sessionSeconds: 2 } }));
});

/** What jobs of a server read and write. @param more of its configuration. */
function ends(more: () => Promise<object>): void {
  let folder = '';
  let server: PredictionServer;
  let api: ApiServer;
  let respond: () => Behaviour | undefined = () => undefined;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-ends-'));
    const database = new DatabaseSync(join(folder, 'rows.db'));
    database.exec('CREATE TABLE flights (id INTEGER PRIMARY KEY, x TEXT)');
    database.exec("INSERT INTO flights VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    database.close();
    server = await PredictionServer.start({ respond: () => respond() });
    api = await startApi({
      server: { allowTargets: ['127.0.0.1'] },
      env: { SLUICE_KEY: '0123456789abcdef'.repeat(4) },
      deployments: { d: server.url },
      configuration: {
        ...(await more()),
        dataStores: { rows: { jdbcUrl: `jdbc:sqlite:${join(folder, 'rows.db')}?journal_mode=wal` } },
      },
    });
  });
  afterAll(async () => {
    await api[Symbol.asyncDispose]();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  function tableRows(table: string): readonly unknown[] {
    const database = new DatabaseSync(join(folder, 'rows.db'), { readOnly: true });
    try {
      return database
        .prepare(`SELECT "id", "y_PREDICTION" FROM "${table}" ORDER BY "id"`)
        .all()
        .map((row) => ({ ...row }));
    } finally {
      database.close();
    }
  }

  const SCORED = [
    { id: 1, y_PREDICTION: 2 },
    { id: 2, y_PREDICTION: 4 },
    { id: 3, y_PREDICTION: 6 },
  ];

  async function completed(body: object): Promise<string> {
    const { id } = await api.create({ ...BODY, ...body });
    const job = await api.ended(id);
    expect(job.status, job.statusDetails).toBe('COMPLETED');
    expect(job).toMatchObject({ scoredRows: 3 });
    return id;
  }

  describe('F50, F51, F53: a job of the API', () => {
    const intakeSettings = { type: 'jdbc', dataStoreId: 'rows', table: 'flights' };

    test('reads a table and is downloaded', async () => {
      expect(await api.result(await completed({ intakeSettings }))).toBe(RESULT);
    });

    test('reads a query, and adds its rows to a table as often as it is asked to', async () => {
      const outputSettings = {
        type: 'jdbc',
        dataStoreId: 'rows',
        table: 'scored',
        statementType: 'insert',
        createTableIfNotExists: true,
      };
      const query = 'SELECT id, x FROM flights ORDER BY id';
      const again = { intakeSettings: { type: 'jdbc', dataStoreId: 'rows', query, fetchSize: 5 }, outputSettings };
      const first = await completed(again);
      expect(tableRows('scored')).toEqual(SCORED);
      expect((await api.request(`/batchPredictions/${first}/download/`)).status).toBe(404);
      await completed(again);
      expect(tableRows('scored')).toHaveLength(6);
    });

    test('takes an upload into a table that is made', async () => {
      const outputSettings = { type: 'jdbc', dataStoreId: 'rows', table: 'made', statementType: 'create_table' };
      const { id } = await api.create({ ...BODY, outputSettings });
      await api.upload(id, CSV);
      const job = await api.ended(id);
      expect(job.status, job.statusDetails).toBe('COMPLETED');
      expect(tableRows('made')).toEqual(SCORED);
    });

    test('wants a table or a query, and a data store that the server knows', async () => {
      for (const settings of [
        { type: 'jdbc', dataStoreId: 'rows' },
        { type: 'jdbc', dataStoreId: 'other', table: 'flights' },
        { type: 'jdbc', dataStoreId: 'rows', table: 'flights', credentialId: 'none-such' },
      ]) {
        const reply = await api.post('/batchPredictions/', { ...BODY, intakeSettings: settings });
        expect(reply.status).toBe(422);
        expect(await reply.text()).not.toContain(api.state);
      }
    });

    test('that was killed when its table was whole is found whole, and writes it once', async () => {
      const outputSettings = { type: 'jdbc', dataStoreId: 'rows', table: 'once', statementType: 'create_table' };
      const id = await completed({ intakeSettings, outputSettings });
      await goBackToRunning(id);
      const job = await api.until(id, ({ status }) => status === 'COMPLETED');
      expect(job).toMatchObject({ scoredRows: 3 });
      expect(tableRows('once')).toEqual(SCORED);
    });
  });

  /** As if the server had been killed between the end of the output and that of the job. */
  async function goBackToRunning(id: string): Promise<void> {
    await api.server.service.store.update(id, () => ({ status: 'RUNNING', endedAt: null }));
    await api.until(id, ({ logs }) => logs.some((line) => line.startsWith('Job continued')));
  }

  test('http: a job reads an address and sends its rows to another', async () => {
    await using web = await WebServer.start();
    web.bodies.set('/rows.csv', { bytes: Buffer.from(CSV) });
    const id = await completed({
      intakeSettings: { type: 'http', url: `${web.url}/rows.csv` },
      outputSettings: { type: 'http', url: `${web.url}/scored.csv`, method: 'PUT' },
    });
    expect(web.uploads.map(({ bytes }) => bytes.toString())).toEqual([RESULT]);
    await goBackToRunning(id);
    await api.until(id, ({ status }) => status === 'COMPLETED');
    expect(web.uploads).toHaveLength(1);
  });

  describe.skipIf(leftOut().includes('s3'))('F46, F48: S3', () => {
    test('in and out; the same address is 422; an aborted job leaves neither object nor upload', async () => {
      const { bucket, client, endpointUrl, accessKeyId, secretAccessKey } = await s3Bucket();
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'in.csv', Body: CSV }));
      const credentials = { awsAccessKeyId: accessKeyId, awsSecretAccessKey: secretAccessKey };
      const s3 = (key: string): object => ({ type: 's3', url: `s3://${bucket}/${key}`, endpointUrl, credentials });
      const id = await completed({ intakeSettings: s3('in.csv'), outputSettings: s3('out.csv') });
      expect(JSON.stringify(await api.job(id))).not.toContain(secretAccessKey);
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: 'out.csv' }));
      expect(await Body?.transformToString()).toBe(RESULT);
      await goBackToRunning(id);
      await api.until(id, ({ status }) => status === 'COMPLETED');
      const same = await api.post('/batchPredictions/', { ...BODY, intakeSettings: s3('x'), outputSettings: s3('x') });
      expect(same.status).toBe(422);
      // Nobody lends a caller the keys that the machine of the server has.
      const unsigned = await api.create({ ...BODY, intakeSettings: { ...s3('in.csv'), credentials: null } });
      expect((await api.ended(unsigned.id)).status).toBe('ABORTED');
      const gate = Promise.withResolvers<void>();
      respond = () => ({ after: gate.promise });
      const gone = await api.create({ ...BODY, intakeSettings: s3('in.csv'), outputSettings: s3('gone.csv') });
      await api.until(gone.id, ({ status }) => status === 'RUNNING');
      await expect.poll(() => server.inFlight, { timeout: 10_000 }).toBeGreaterThan(0);
      await api.request(`/batchPredictions/${gone.id}/`, { method: 'DELETE' });
      gate.resolve();
      respond = () => undefined;
      await expect
        .poll(async () => (await api.server.service.store.get(gone.id))?.claim, { timeout: 10_000 })
        .toBeNull();
      await expect(client.send(new GetObjectCommand({ Bucket: bucket, Key: 'gone.csv' }))).rejects.toThrow();
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      expect(Uploads).toEqual([]);
    });
  });

  test('a dataset of the catalog is read by its name', async () => {
    writeFileSync(join(folder, 'rows.csv'), CSV);
    const { code, stderr } = await sluice(['catalog', 'add', 'rows', join(folder, 'rows.csv')], {
      env: { SLUICE_STATE: api.state },
    });
    expect(code, stderr).toBe(0);
    expect(await api.result(await completed({ intakeSettings: { type: 'dataset', datasetId: 'rows' } }))).toBe(RESULT);
  });
}
