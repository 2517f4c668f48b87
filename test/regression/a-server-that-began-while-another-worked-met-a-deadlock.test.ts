import { expect, test } from 'vitest';
import { JobStore } from '../../src/jobs/queue/store/job-store.ts';
import { storeAddress } from '../../src/jobs/queue/store/store-address.ts';
import { needs } from '../support/services/needs.ts';
import { postgresDatabase } from '../support/services/postgres.ts';

needs('postgres')('servers that share a store in PostgreSQL', () => {
  test('begin while others decide whose turn it is, and at the same moment', async () => {
    await using database = await postgresDatabase();
    const { user, password, host, port, database: name } = database;
    const address = storeAddress(`postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`, '.');
    // All make the tables.
    const stores = await Promise.all(Array.from({ length: 4 }, () => JobStore.open(address, null)));
    const ended = new AbortController();
    const working = stores.map(async (store) => {
      while (!ended.signal.aborted) {
        await store.inTurn(async (_, update) => {
          await new Promise(setImmediate);
          await update('f'.repeat(24), () => null);
        });
      }
    });
    for (let i = 0; i < 20; i += 1) await (await JobStore.open(address, null)).close();
    ended.abort();
    await expect(Promise.all(working)).resolves.toHaveLength(4);
    for (const store of stores) await store.close();
  });
});
