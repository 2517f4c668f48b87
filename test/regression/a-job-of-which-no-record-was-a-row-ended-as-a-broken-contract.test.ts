import { expect, test } from 'vitest';
import { createMessageReader } from '../../src/codecs/messages/message-formats.ts';
import { createTopicSource } from '../../src/links/kafka/live/topic-source.ts';
import { arithmeticScorer } from '../support/arithmetic-scorer.ts';
import { tickingKafka } from '../support/memory-kafka/ticking.ts';
import { MemoryStorage, memorySink } from '../support/memory-sink.ts';
import { runParts } from '../support/pipeline-runs.ts';

const never = new AbortController().signal;

// A range of a topic that held nothing but poison ended with CONTRACT_BROKEN, "before any of its rows was delivered"; its dead
// letters were never published.
test('a job of which no record was a row is published with its dead letters', async () => {
  using world = tickingKafka();
  const { kafka, clock } = world;
  kafka.createTopic('in', 1);
  const client = kafka.client();
  const producer = await client.producer({ compression: 'none' }, never);
  const records = ['{', '[1]', 'x'].map((text) => ({ key: null, value: new TextEncoder().encode(text), headers: [] }));
  await producer.send([{ topic: 'in', partition: 0, records }], never);
  const storage = new MemoryStorage();
  const ports = { clock, registry: null };
  const source = createTopicSource({
    client,
    topics: ['in'],
    from: 'earliest',
    until: 'end',
    memory: null,
    messages: () => createMessageReader({ format: 'json', columns: null, expected: ['id'] }, ports),
    clock,
  });
  const delivered = await runParts({
    source,
    sink: memorySink(storage),
    scorer: arithmeticScorer(),
    partitions: 1,
    batchRows: 2,
    output: { passthroughColumns: ['id'] },
  });
  expect(delivered.tally).toEqual({ read: 3, scored: 0, failed: 0, skipped: 3 });
  expect([storage.published, storage.rows]).toEqual([['prediction_status'], '']);
  expect(storage.deadLetters.map(({ line }) => line)).toEqual([0, 1, 2]);
});
