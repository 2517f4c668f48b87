import { expect, test } from 'vitest';
import type { DeadLetter, KeptLetter } from '../../../src/core/scored-batch.ts';
import { deadLetterRecord } from '../../../src/links/kafka/live/writer-dead-letters.ts';
import { topicLetters } from '../../../src/links/kafka/topic-letters.ts';
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

test('dead letters in a topic are read back with their coordinates, cause and bytes', async () => {
  const client = createMemoryKafka().client();
  const letters = topicLetters(client, 'dead');
  const gathered = async (): Promise<readonly KeptLetter[]> => {
    const found: KeptLetter[] = [];
    for await (const letter of letters.read(never)) found.push({ ...letter, bytes: Buffer.from(letter.bytes) });
    return found;
  };
  await expect(gathered()).rejects.toMatchObject({ code: 'INTAKE_NOT_FOUND' });
  await client.topics.create({ name: 'dead', partitions: 2, replicationFactor: null, config: {} });
  expect(await gathered()).toEqual([]);
  const producer = await client.producer({ compression: 'none' }, never);
  await producer.send(
    [
      { topic: 'dead', partition: 0, records: [deadLetterRecord(row)] },
      {
        topic: 'dead',
        partition: 1,
        records: [deadLetterRecord(ofMessage), { key: null, value: Buffer.from('who knows'), headers: [] }],
      },
    ],
    never,
  );
  const found = await gathered();
  const { index: _, ...kept } = row;
  expect(found[0]).toEqual({ ...kept, output: null });
  expect(found[1]).toMatchObject({ kind: 'skipped', split: 'in/1', row: null, line: 41, reason: row.reason });
  expect(Buffer.from(found[1]!.bytes).toString()).toBe('{"id":1}');
  expect(found[2]).toMatchObject({
    split: 'dead/1',
    line: 1,
    reason: 'a message without a cause: it is none of Sluice',
  });
});
