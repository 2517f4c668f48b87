import type { Clock } from '../../core/clock.ts';
import type { KafkaClient } from '../../links/kafka/client.ts';
import { budgetsInUse } from '../../scoring/limiter/server-budget.ts';
import type { ClusterSettings } from './cluster.ts';
import { type News, shareNews } from './process-news.ts';
import { readServerUse } from './server-use-record.ts';

/** The topic in which every process tells what it does with which prediction server, and every worker how it gets on with which job. */
export const BUDGETS_TOPIC = 'sluice.budgets';

/**
 * Tells the other processes of the cluster what this one does with the prediction servers that it sends to, and its budgets what they tell, until it
 * is disposed of. While that cannot be had every budget goes by latencies alone. Never throws.
 * @param more that is told and heard in the same way.
 */
export function shareBudgets(
  client: KafkaClient,
  { replicationFactor }: Pick<ClusterSettings, 'replicationFactor'>,
  clock: Clock,
  more?: News,
): AsyncDisposable {
  const budgets: News = {
    tell: () =>
      new Map(
        // Also when nobody can be told: what the others said last must fade.
        [...budgetsInUse(clock)].map(([origin, budget]) => [origin, JSON.stringify({ v: 1, ...budget.exchange() })]),
      ),
    hear: (process, origin, text) => {
      const use = text === null ? null : readServerUse(text);
      if (text === null || use !== null) budgetsInUse(clock).get(origin)?.heard(process, use);
    },
  };
  const news = more === undefined ? [budgets] : [budgets, more];
  return shareNews(client, { name: BUDGETS_TOPIC, replicationFactor }, clock, news);
}
