import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, startApi } from '../../support/api-server.ts';
import { PredictionServer } from '../../support/prediction-server.ts';
import { schemathesis } from '../../support/schemathesis.ts';

const TOKEN = 'token-of-schemathesis';
/** The installation of the first time takes a minute or two. */
const PATIENCE_MS = 280_000;

let predictions: PredictionServer;
let api: ApiServer;
beforeAll(async () => {
  predictions = await PredictionServer.start();
  api = await startApi({
    deployments: { flights: predictions.url },
    token: TOKEN,
    env: { SLUICE_KEY: randomBytes(32).toString('hex') },
    server: { tokens: [{ token: TOKEN, role: 'run' }], limits: { jobsPerUser: 100_000 } },
    configuration: { credentials: { shared: { user: 'u', password: 'p' } } },
  });
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await predictions.close();
});

describe('whatever schemathesis makes of the OpenAPI document', () => {
  test('no request gets a 5xx, or past the token', { timeout: PATIENCE_MS }, async () => {
    const { isSound, said } = await schemathesis({
      document: `${api.server.url}/openapi.json`,
      token: TOKEN,
      examples: 5,
      // `npm run test:grid` makes every kind of wrong value, for minutes.
      phases: 'fuzzing',
    });
    expect(isSound, said.slice(-6000)).toBe(true);
    expect(api.log).toEqual([]);
  });

  test('neither does one to a job that is there', { timeout: PATIENCE_MS }, async () => {
    const { id } = await api.create({
      deploymentId: 'flights',
      intakeSettings: { type: 'localFile', multipart: true },
    });
    const { isSound, said } = await schemathesis({
      document: `${api.server.url}/openapi.json`,
      token: TOKEN,
      examples: 5,
      ids: { id },
      paths: '^/batchPredictions/\\{id\\}',
    });
    expect(isSound, said.slice(-6000)).toBe(true);
    expect(api.log).toEqual([]);
  });
});
