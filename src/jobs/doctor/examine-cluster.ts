import type { KafkaClient } from '../../links/kafka/client.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { topicsOf } from '../description/topic-names.ts';
import { clusterOf } from '../kafka/cluster.ts';
import { isLive } from '../kafka/open-topics.ts';
import type { ExamineOptions } from './examine-options.ts';
import { type Finding, skipped } from './finding.ts';
import { inTime, looked } from './looking.ts';

/** Whether the brokers answer and let this user in, and what the consumer group is at. */
export async function examineCluster(
  job: JobDescription,
  cluster: KafkaClient,
  options: ExamineOptions,
): Promise<readonly Finding[]> {
  const { brokers, sasl } = clusterOf(job);
  const answer = await looked(
    'Kafka',
    async () => {
      const count = (await cluster.topics.list()).length;
      const user = sasl === null ? 'without a login' : `as ${sasl.username === '' ? sasl.mechanism : sasl.username}`;
      return `${brokers.join(', ')} answer, ${user}; ${count} topics to be seen`;
    },
    options,
  );
  const { intakeSettings: intake } = job;
  if (!isLive(job) || intake.type !== 'kafka' || intake.group === null) return [answer];
  const { group } = intake;
  if (answer.status !== 'ok') return [answer, skipped('consumer group', 'the brokers do not answer')];
  return [
    answer,
    await looked(
      'consumer group',
      async () => await inTime(() => groupWords(cluster, group, topicsOf(intake)), options),
      options,
    ),
  ];
}

async function groupWords({ topics }: KafkaClient, group: string, names: readonly string[] | RegExp): Promise<string> {
  const members = await topics.members(group);
  const all = names instanceof RegExp ? (await topics.list()).filter((name) => names.test(name)) : names;
  let [lag, begun] = [0, 0];
  for (const topic of all) {
    if ((await topics.partitions(topic)) === null) continue;
    const [ranges, committed] = [await topics.ranges(topic), await topics.committed(group, topic)];
    for (const [partition, { start, end }] of ranges.entries()) {
      const offset = committed[partition] ?? null;
      lag += Math.max(0, end - (offset ?? start));
      begun += offset === null ? 0 : 1;
    }
  }
  const state = begun === 0 ? 'has committed nothing yet' : `has committed in ${begun} partitions`;
  return `${group} ${state}, ${lag} messages are before it; ${members} members now`;
}
