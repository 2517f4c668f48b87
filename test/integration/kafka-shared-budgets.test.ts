import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { shareBudgets } from '../../src/jobs/kafka/shared-budgets.ts';
import { createKafkajsClient } from '../../src/links/kafka/clients/kafkajs/client.ts';
import { createPlatformaticClient } from '../../src/links/kafka/clients/platformatic/client.ts';
import type { ServerUse } from '../../src/scoring/limiter/neighbours.ts';
import { budgetsInUse, joinServer } from '../../src/scoring/limiter/server-budget.ts';
import { startKafka } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';
import { plainConnection } from './kafka-clients/client-harness.ts';

const SERVER = 'http://predict.example';

/** What the budget of a process hears; it hears it all the same. */
function ears(clock: Clock): { next(test: (use: ServerUse | null) => boolean): Promise<void> } {
  const budget = budgetsInUse(clock).get(SERVER)!;
  const hears = budget.heard.bind(budget);
  let listener: (use: ServerUse | null) => void = () => undefined;
  budget.heard = (process, use) => {
    hears(process, use);
    listener(use);
  };
  return {
    next: (test) =>
      new Promise((resolve) => {
        listener = (use) => {
          if (test(use)) resolve();
        };
      }),
  };
}

needs('kafka')('budgets over a cluster', () => {
  test('two processes, of either client, hear of each other and of one that leaves', async () => {
    await using broker = await startKafka({});
    const connection = plainConnection(broker.brokers);
    await using one = createKafkajsClient(connection, { clock: systemClock });
    await using two = await createPlatformaticClient(connection, { clock: systemClock });
    const [a, b] = [{ ...systemClock }, { ...systemClock }];
    const batch = joinServer(SERVER, a, { ceiling: 8 });
    const live = joinServer(SERVER, b, { ceiling: 8, priority: 'live' });
    const [earsOfA, earsOfB] = [ears(a), ears(b)];
    const heardLive = earsOfA.next((use) => use?.users[0]?.priority === 'live');
    const heardBatch = earsOfB.next((use) => use?.users[0]?.priority === 'batch');
    await using _ = shareBudgets(one, { replicationFactor: 1 }, a);
    const sharing = shareBudgets(two, { replicationFactor: 1 }, b);
    await Promise.all([heardLive, heardBatch]);
    const gone = earsOfA.next((use) => use === null);
    live.leave();
    await sharing[Symbol.asyncDispose]();
    await gone;
    batch.leave();
    expect(await two.topics.partitions('sluice.budgets')).toBe(1);
  }, 60_000);
});
