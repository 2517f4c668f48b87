import { expect, test } from 'vitest';
import { startApi } from '../support/api-server.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { WebServer } from '../support/web-server.ts';

// The folder of a job was made by its upload alone: rows that came from elsewhere could not be downloaded.
test('rows of another server are scored into a result that is downloaded', async () => {
  await using prediction = await PredictionServer.start();
  const web = await WebServer.start();
  web.bodies.set('/rows.csv', { bytes: Buffer.from('id\n3\n'), headers: { 'content-type': 'text/csv' } });
  await using api = await startApi({ deployments: { d: prediction.url } });
  const job = await api.create({ deploymentId: 'd', intakeSettings: { type: 'http', url: `${web.url}/rows.csv` } });
  const ended = await api.ended(job.id);
  expect(ended.status, ended.statusDetails).toBe('COMPLETED');
  expect(await api.result(job.id)).toBe('y_PREDICTION\n6\n');
});
