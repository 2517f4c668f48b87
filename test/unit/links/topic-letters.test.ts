import { expect, test } from 'vitest';
import type { DeadLetter, KeptLetter } from '../../../src/core/scored-batch.ts';
import { topicLetters } from '../../../src/links/kafka/letters/topic-letters.ts';
import { deadLetterRecord } from '../../../src/links/kafka/live/writer-dead-letters.ts';
import { createMemoryKafka } from '../../support/memory-kafka/memory-kafka.ts';

const never = new AbortController().signal;
const row: DeadLetter = {
  kind: 'failed',
  split: 'in.csv',
  row: 7,
  line: 9,
  reason: 'HTTP 422: bad',
  attempts: 3,
  index: 7,
  bytes: Buffer.from('7,bad'),
};
const message = {
  topic: 'in',
  partition: 1,
  offset: 41,
  timestamp: 5,
  key: null,
  headers: [],
  value: Buffer.from('{"id":1}'),
};
const ofMessage: DeadLetter = { ...row, kind: 'skipped', split: 'in/1', row: null, line: 41, envelope: message };

test("a job's dead letters in a topic are read back with their coordinates, cause and bytes, from what was replayed on", async () => {
  const client = createMemoryKafka().client();
  const letters = topicLetters({ client, topic: 'dead', job: 'group g', group: 'g-dlq' });
  const gathered = async (): Promise<readonly KeptLetter[]> => {
    const found: KeptLetter[] = [];
    for await (const letter of letters.read(never)) found.push({ ...letter, bytes: Buffer.from(letter.bytes) });
    return found;
  };
  await expect(gathered()).rejects.toMatchObject({ code: 'INTAKE_NOT_FOUND' });
  await client.topics.create({ name: 'dead', partitions: 2, replicationFactor: null, config: {} });
  expect(await gathered()).toEqual([]);
  const producer = await client.producer({ compression: 'none' }, never);
  const origin = { job: 'group g' };
  const ofOthers = [deadLetterRecord(row, { job: 'group h' }), { key: null, value: Buffer.from('who'), headers: [] }];
  await producer.send(
    [
      { topic: 'dead', partition: 0, records: [...ofOthers, deadLetterRecord(row, origin)] },
      { topic: 'dead', partition: 1, records: [deadLetterRecord(ofMessage, origin)] },
    ],
    never,
  );
  const found = await gathered();
  const { index: _, ...kept } = row;
  expect(found[0]).toEqual({ ...kept, output: null });
  expect(found[1]).toMatchObject({ kind: 'skipped', split: 'in/1', row: null, line: 41, reason: row.reason });
  expect(Buffer.from(found[1]!.bytes).toString()).toBe('{"id":1}');
  expect(found).toHaveLength(2);
  const replayer = await client.transactionalProducer(
    { transactionalId: 't', timeoutMs: 1_000, compression: 'none' },
    never,
  );
  await replayer.commit([], [{ group: 'g-dlq', offsets: [{ topic: 'dead', partition: 0, offset: 3 }] }], never);
  expect((await gathered()).map(({ split }) => split)).toEqual(['in/1']);
});
