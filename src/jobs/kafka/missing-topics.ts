import type { KafkaClient } from '../../links/kafka/client.ts';
import { jobTopics } from '../../links/kafka/job/job-topics.ts';

/** Which of a job's two topics are not there. */
export async function missingTopics(client: KafkaClient, name: string): Promise<readonly string[]> {
  const { rows, scored } = jobTopics(name);
  const counts = await Promise.all([rows, scored].map((topic) => client.topics.partitions(topic)));
  return [rows, scored].filter((_, at) => counts[at] === null);
}
