import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { startApi } from '../support/api-server.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { schemathesis } from '../support/schemathesis.ts';

test('thousands of requests that schemathesis makes get no 5xx', { timeout: 1_800_000 }, async () => {
  const predictions = await PredictionServer.start();
  const token = 'token-of-schemathesis';
  await using api = await startApi({
    deployments: { flights: predictions.url },
    token,
    env: { SLUICE_KEY: randomBytes(32).toString('hex') },
    server: { tokens: [{ token, role: 'admin' }], limits: { jobsPerUser: 1_000_000 } },
  });
  const { isSound, said } = await schemathesis({
    document: `${api.server.url}/openapi.json`,
    token,
    examples: 300,
    phases: 'coverage,fuzzing,stateful',
  });
  expect(isSound, said.slice(-6000)).toBe(true);
  expect(api.log).toEqual([]);
  await predictions.close();
});
