import type { DeadLetterReader } from '../../../core/dead-letters.ts';
import { SluiceError } from '../../../core/error.ts';
import type { KafkaClient } from '../client.ts';
import { rangeMessages } from '../live/topic-range-messages.ts';
import { headerTexts, keptLetterOf } from './kept-letter.ts';

export interface TopicLettersOptions {
  readonly client: KafkaClient;
  readonly topic: string;
  /** How the job marks its letters; those of other jobs are left out. */
  readonly job: string;
  /** The group whose committed offsets say what was replayed. */
  readonly group: string;
}

const READ_BYTES = 1_000_000;

/** The dead letters of a job in a topic that no replay has dealt with, partition by partition. */
export function topicLetters({ client, topic, job, group }: TopicLettersOptions): DeadLetterReader {
  return {
    name: `topic ${topic}`,
    async *read(signal) {
      const committed = await committedOffsets(client, topic, group);
      for (const [partition, { start, end }] of (await client.topics.ranges(topic)).entries()) {
        const range = { topic, partition, from: Math.max(start, committed[partition] ?? start), until: end };
        for await (const messages of rangeMessages(client, range, READ_BYTES, signal)) {
          for (const message of messages)
            if (headerTexts(message).get('sluice-job') === job) yield keptLetterOf(message);
        }
      }
    },
  };
}

/** Whether anything stands behind the committed offsets of a group. Throws INTAKE_NOT_FOUND when there is no such topic. */
export async function hasLettersLeft({ client, topic, group }: Omit<TopicLettersOptions, 'job'>): Promise<boolean> {
  const committed = await committedOffsets(client, topic, group);
  const ranges = await client.topics.ranges(topic);
  return ranges.some(({ start, end }, partition) => Math.max(start, committed[partition] ?? start) < end);
}

async function committedOffsets(
  client: KafkaClient,
  topic: string,
  group: string,
): Promise<readonly (number | null)[]> {
  if ((await client.topics.partitions(topic)) === null)
    throw new SluiceError('INTAKE_NOT_FOUND', `There is no topic ${topic}: nothing has gone there yet.`);
  return await client.topics.committed(group, topic);
}
