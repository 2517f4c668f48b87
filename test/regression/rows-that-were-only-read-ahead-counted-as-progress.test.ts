import { expect, test } from 'vitest';
import { startApi } from '../support/api-server.ts';
import { type Behaviour, PredictionServer } from '../support/prediction-server.ts';

const ROWS = 1_000;
const CSV = `id\n${Array.from({ length: ROWS }, (_, i) => `${i}\n`).join('')}`;

test('the progress of a job is what is scored, not what was read ahead of that', async () => {
  const gate = Promise.withResolvers<void>();
  const respond = ({ number }: { readonly number: number }): Behaviour => (number < 4 ? {} : { after: gate.promise });
  await using server = await PredictionServer.start({ respond });
  await using api = await startApi({ deployments: { d: server.url } });
  const { id } = await api.create({ deploymentId: 'd', chunkSize: 'fixed', chunkRows: 50, numConcurrent: 1 });
  await api.upload(id, CSV);
  const job = await api.until(id, ({ scoredRows }) => scoredRows === 200);
  expect(job.percentageCompleted).toBeGreaterThanOrEqual(10);
  expect(job.percentageCompleted).toBeLessThanOrEqual(25);
  gate.resolve();
  expect((await api.ended(id)).percentageCompleted).toBe(100);
});
