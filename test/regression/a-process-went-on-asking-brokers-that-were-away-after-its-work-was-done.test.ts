import { expect, test } from 'vitest';
import { createKafkajsClient } from '../../src/links/kafka/clients/kafkajs/client.ts';
import { createPlatformaticClient } from '../../src/links/kafka/clients/platformatic/client.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** Nobody listens there. */
const connection = {
  brokers: ['127.0.0.1:1'],
  clientId: 'test',
  rack: null,
  tls: null,
  sasl: null,
  compression: 'none',
  retryMs: 120_000,
} as const;

test.each([
  { name: 'kafkajs', create: createKafkajsClient },
  { name: 'platformatic', create: createPlatformaticClient },
])('a client of $name that is closed asks nobody any more', async ({ create }) => {
  const client = await create(connection, { clock: new ManualClock() });
  const asked = Promise.allSettled([client.topics.list(), client.topics.partitions('t')]);
  await client.close();
  for (const answer of await asked) expect(answer).toMatchObject({ status: 'rejected' });
});
