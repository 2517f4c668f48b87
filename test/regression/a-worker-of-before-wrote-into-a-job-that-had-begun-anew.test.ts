import { expect, test } from 'vitest';
import type { RowBatch } from '../../src/core/row-batch.ts';
import { JobLinks } from '../../src/jobs/kafka/job-links.ts';
import { jobTopicSettings, jobTopics } from '../../src/links/kafka/job/job-topics.ts';
import { createRowsSource } from '../../src/links/kafka/job/rows-source.ts';
import { readRowsTail } from '../../src/links/kafka/job/rows-tail.ts';
import { memoryJob } from '../support/memory-kafka/memory-job.ts';
import { tickingKafka } from '../support/memory-kafka/ticking.ts';
import { memorySource } from '../support/memory-source.ts';

const never = new AbortController().signal;
const { kafka: settings } = memoryJob();

// A process that is stopped (SIGSTOP) between its look at its lease and its write finishes the write when it goes on. The topics may
// be those of a job that was begun anew under the same name by then: the run failed with "batch 19 comes where 1 should".
test('what a process of an earlier beginning of a job still writes is not there for the job', async () => {
  using world = tickingKafka();
  const { kafka, clock } = world;
  const client = kafka.client();
  const { rows } = jobTopics('tested');
  await client.topics.create(jobTopicSettings(rows, 1, 1));
  const [before, now] = ['1', '2'].map(
    (epoch) => new JobLinks(kafka.client(), settings, clock, { name: 'tested', partitions: 1, epoch }),
  ) as [JobLinks, JobLinks];
  const source = memorySource([4]);
  const [split] = await source.splits(never);
  const batches: RowBatch[] = [];
  for await (const batch of source.read(split!, null, { rows: 1, bytes: 1_000, lingerMs: 0 }, never))
    batches.push(batch);
  const append = async (links: JobLinks, ...sequences: readonly number[]): Promise<void> => {
    const writer = await links.rowsWriter(never);
    for (const sequence of sequences)
      await writer.append(0, { kind: 'batch', sequence, value: batches[sequence]!, read: sequence + 1 }, never);
    await writer.end(0, never);
  };
  await append(before, 3);
  await append(now, 0);
  await append(before, 1);
  await append(now, 1, 2);
  await append(before, 3);
  expect(await readRowsTail(client, rows, '2', never)).toMatchObject([{ sequence: 2, read: 3 }]);
  const { reader } = await now.rowsReader(never);
  for await (const lease of reader.leases(never)) {
    lease.seek(0);
    for (const sequence of [0, 1, 2]) expect(await lease.next(never)).toMatchObject({ kind: 'batch', sequence });
    break;
  }
  await now
    .rowsWriter(never)
    .then((writer) => writer.append(0, { kind: 'end', sequence: 3, read: 3, complete: true }, never));
  // Nor for a replay of the rows, if they are kept.
  const replay = createRowsSource({ client, topic: rows, clock, epoch: async () => '2' });
  await replay.identity(never);
  const limits = { rows: 1, bytes: 1_000, lingerMs: 0 };
  const replayed: RowBatch[] = [];
  for await (const batch of replay.read({ id: rows, bytes: null }, null, limits, never)) replayed.push(batch);
  expect(replayed.map(({ bytes }) => bytes)).toEqual([0, 1, 2].map((sequence) => batches[sequence]!.bytes));
});
