import { expect, test } from 'vitest';
import { type EachBatchPayload, type ScoredMessage, scoreEachBatch } from '../../src/index.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { freePort } from '../support/services/free-port.ts';

test('a batch that comes when the prediction server is there is scored, whatever became of the one before', async () => {
  const port = await freePort();
  const scored: ScoredMessage[] = [];
  await using handler = scoreEachBatch({
    deployment: { id: 'd', server: `http://127.0.0.1:${port}` },
    retry: { connectSeconds: 0 },
    onScored: async (messages) => void scored.push(...messages),
  });
  const message = { key: null, value: Buffer.from('{"id":21}'), offset: '7', timestamp: '1' };
  const resolved: string[] = [];
  const payload: EachBatchPayload = {
    batch: { topic: 't', partition: 0, messages: [message] },
    resolveOffset: (offset) => resolved.push(offset),
    heartbeat: async () => undefined,
    isRunning: () => true,
    isStale: () => false,
  };
  await expect(handler(payload)).rejects.toMatchObject({ code: 'RETRY_BUDGET_SPENT' });
  expect(resolved).toEqual([]);
  await using _ = await PredictionServer.start({}, port);
  await handler(payload);
  expect(resolved).toEqual(['7']);
  expect(scored.map(({ value }) => JSON.parse(value.toString()))).toEqual([{ y_PREDICTION: 42 }]);
});
