import { expect, test } from 'vitest';
import { startApi } from '../support/api-server.ts';
import { inNewYork } from '../support/in-new-york.ts';
import { PredictionServer } from '../support/prediction-server.ts';

inNewYork();

const MINUTE_MS = 60_000;

test('startDateTime and endDateTime without a zone are UTC, as all times that the server gives', async () => {
  await using server = await PredictionServer.start();
  await using api = await startApi({ deployments: { d: server.url } });
  const { id } = await api.create({ deploymentId: 'd' });
  const found = async (query: string): Promise<readonly string[]> => {
    const reply = await api.request(`/batchPredictions/?${query}`);
    return ((await reply.json()) as { readonly data: readonly { readonly id: string }[] }).data.map((job) => job.id);
  };
  const [before, after] = [-MINUTE_MS, MINUTE_MS].map((ms) => new Date(Date.now() + ms).toISOString().slice(0, -1));
  expect(await found(`startDateTime=${before}`)).toEqual([id]);
  expect(await found(`startDateTime=${after}`)).toEqual([]);
  expect(await found(`endDateTime=${after}`)).toEqual([id]);
  expect(await found(`endDateTime=${before}`)).toEqual([]);
});
