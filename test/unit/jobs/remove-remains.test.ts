import { expect, test } from 'vitest';
import { JobLinks } from '../../../src/jobs/kafka/job-links.ts';
import { removeRemains } from '../../../src/jobs/kafka/remove-remains.ts';
import { jobTopicSettings, jobTopics } from '../../../src/links/kafka/job/job-topics.ts';
import { memoryJob } from '../../support/memory-kafka/memory-job.ts';
import { tickingKafka } from '../../support/memory-kafka/ticking.ts';

const never = new AbortController().signal;
const { kafka: settings } = memoryJob();

test('topics of a job that somebody still scores for are not removed, and whoever wants to is told who is there', async () => {
  using world = tickingKafka();
  const { kafka, clock } = world;
  const client = kafka.client();
  const { rows, scored, group } = jobTopics('tested');
  for (const topic of [rows, scored]) await client.topics.create(jobTopicSettings(topic, 2, 1));
  const links = new JobLinks(kafka.client(), settings, clock, { name: 'tested', partitions: 2, epoch: '1' });
  const { consumer } = await links.rowsReader(never);
  const remains = { client, clock, name: 'tested', sessionMs: 4_000 };
  await expect(removeRemains(remains, never)).rejects.toMatchObject({
    code: 'KAFKA_FAULT',
    message: expect.stringContaining(`${group} still has 1 members after 68 s`),
  });
  expect(await client.topics.partitions(rows)).toBe(2);
  expect(await client.topics.partitions(scored)).toBe(2);
  // It leaves while somebody waits for it.
  const removed = removeRemains(remains, never);
  await clock.sleep(1_000, never);
  expect(await client.topics.partitions(rows)).toBe(2);
  await consumer.close();
  await removed;
  expect(await client.topics.list()).not.toContain(rows);
  expect(await client.topics.list()).not.toContain(scored);
});
