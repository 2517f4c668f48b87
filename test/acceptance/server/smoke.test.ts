import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startModelServer } from '../../../src/model-server/index.ts';
import { ApiServer } from '../../support/api-server.ts';

const root = join(import.meta.dirname, '../../..');

test('smoke', async () => {
  await using models = await startModelServer({ models: join(root, 'models'), port: 0 });
  await using api = await ApiServer.start({ deployments: { flights: models.url } });
  const job = await api.create({ deploymentId: 'flights', passthroughColumns: ['flight_id'] });
  console.log(JSON.stringify(job, null, 1));
  const put = await api.upload(job.id, readFileSync(join(root, 'config/examples/flights.csv'), 'utf8'));
  expect(put.status).toBe(202);
  console.log(JSON.stringify(await api.ended(job.id), null, 1));
  console.log((await api.result(job.id)).slice(0, 200));
  console.log(
    await (
      await api.post('/batchPredictions/', {
        deploymentId: 'fligts',
        numConcurent: 3,
        intakeSettings: { type: 'azure' },
      })
    ).text(),
  );
  console.log(await (await api.post('/batchPredictions/', { deploymentId: 'fligts' })).text());
  console.log(await (await api.request('/batchPredictions/?limit=1')).text());
  console.log((await (await api.request(`${api.server.url}/openapi.json`)).text()).length, api.log);
});
