import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, startApi } from '../support/api-server.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { type PostgresDatabase, postgresDatabase } from '../support/services/postgres.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

let database: PostgresDatabase;
let prediction: PredictionServer;
let state = '';
beforeAll(async () => {
  database = await postgresDatabase();
  prediction = await PredictionServer.start();
  state = mkdtempSync(join(tmpdir(), 'sluice-turn-'));
});
afterAll(async () => {
  await prediction.close();
  await database[Symbol.asyncDispose]();
  rmSync(state, { recursive: true, force: true });
});

function replica(host: string, port: number): Promise<ApiServer> {
  const { user, password, database: name } = database;
  const store = `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
  return startApi({ deployments: { d: prediction.url }, server: { store }, state });
}

test('a server that goes without a word while it decides about the queue leaves it to the others', async () => {
  await using proxy = await TcpProxy.start({ host: database.host, port: database.port });
  await using first = await replica(proxy.host, proxy.port);
  const job = await first.create({ deploymentId: 'd' });
  let isDeciding = false;
  // The database has locked the queue for it, and never hears of it again.
  proxy.look = (sent) => {
    if (isDeciding) return 'swallow';
    isDeciding = sent.includes('UPDATE sluice_queue');
    return 'forward';
  };
  try {
    await using second = await replica(database.host, database.port);
    void first.upload(job.id, 'id,x\n1,a\n').catch(() => undefined);
    await until(() => isDeciding, 'the first server to decide about the queue');
    expect(await second.job(job.id)).toMatchObject({ status: 'INITIALIZING' });
    expect((await second.ended(job.id)).status).toBe('COMPLETED');
    expect(await second.result(job.id)).toBe('y_PREDICTION\n2\n');
  } finally {
    proxy.look = () => 'forward';
    proxy.breakAll();
  }
});
