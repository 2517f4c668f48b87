import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { LOG_TABLES } from '../../src/monitoring/log-tables.ts';
import { startApi } from '../support/api-server.ts';

const PREDICTIONS = 100_000;

/** So many predictions with their actuals: they take a second to read, and millions half a minute. */
function fill(path: string, scored: number): void {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;');
  database.exec(LOG_TABLES);
  database.exec("INSERT INTO jobs (key, deployment) VALUES ('k', 'd'); BEGIN");
  const prediction = database.prepare("INSERT INTO predictions VALUES (1, 0, ?, 'd', ?, ?, ?, NULL, NULL)");
  const actual = database.prepare("INSERT INTO actuals VALUES ('d', ?, ?, NULL)");
  for (let row = 0; row < PREDICTIONS; row += 1) {
    const id = String((row * 7919) % PREDICTIONS);
    prediction.run(row, id, scored, String(row % 10));
    actual.run(id, String((row % 10) + 1));
  }
  database.exec('COMMIT');
  database.close();
}

test('other requests are answered while the accuracy of many predictions is read', async () => {
  const d = { server: 'http://127.0.0.1:9', associationId: 'id', accuracy: true };
  await using api = await startApi({ deployments: {}, configuration: { deployments: { d } } });
  fill(join(api.state, 'accuracy.sqlite'), Date.now() - 3_600_000);
  for (const path of ['accuracy/', 'accuracyOverTime/', 'predictionsVsActualsOverTime/']) {
    const state = { isRead: false };
    const reading = api.request(`/deployments/d/${path}`).then(async (reply) => {
      state.isRead = true;
      return (await reply.json()) as object;
    });
    let answered = 0;
    while (!state.isRead) {
      expect((await api.request('/version/')).status).toBe(200);
      if (!state.isRead) answered += 1;
    }
    expect(answered, path).toBeGreaterThan(10);
    expect(JSON.stringify(await reading)).toMatch(path === 'accuracy/' ? /"MAE":\{"value":1,/ : /100000/);
  }
});

test('who asks for the accuracy after an actual was kept sees it, whatever is being read', async () => {
  const d = { server: 'http://127.0.0.1:9', associationId: 'id', accuracy: true };
  await using api = await startApi({ deployments: {}, configuration: { deployments: { d } } });
  fill(join(api.state, 'accuracy.sqlite'), Date.now() - 3_600_000);
  const mae = async (): Promise<number> => {
    const reply = await api.request('/deployments/d/accuracy/');
    return ((await reply.json()) as { metrics: { MAE: { value: number } } }).metrics.MAE.value;
  };
  const before = [mae(), mae()];
  const data = [{ associationId: '0', actualValue: PREDICTIONS }];
  expect((await api.post('/deployments/d/actuals/fromJSON/', { data })).status).toBe(202);
  expect(await mae()).toBeGreaterThan(1.5);
  expect(await Promise.all(before)).toHaveLength(2);
});
