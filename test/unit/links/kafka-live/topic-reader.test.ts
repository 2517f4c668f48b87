import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PartitionLease } from '../../../../src/core/link.ts';
import type { RowBatch } from '../../../../src/core/row-batch.ts';
import type { KafkaClient } from '../../../../src/links/kafka/client.ts';
import { PartitionNumbers } from '../../../../src/links/kafka/live/topic-partition-numbers.ts';
import {
  createTopicReader,
  type TopicReader,
  type TopicReaderOptions,
} from '../../../../src/links/kafka/live/topic-reader.ts';
import type { MemoryKafka } from '../../../support/memory-kafka/memory-kafka.ts';
import { tickingKafka } from '../../../support/memory-kafka/ticking.ts';
import { tinyReader } from './topic-log.ts';

const never = new AbortController().signal;
const CONSUMER = {
  readCommitted: true,
  sessionTimeoutMs: 6_000,
  drainMs: 4_000,
  stuckMs: 60_000,
  bufferBytes: 1 << 20,
};

function readerOf(kafka: MemoryKafka, options: Partial<TopicReaderOptions> = {}): TopicReader {
  return createTopicReader({
    client: kafka.client(),
    consumer: { ...CONSUMER, topics: ['input'] },
    group: 'scorers',
    start: 'earliest',
    until: 'end',
    limits: { rows: 3, bytes: 1 << 20, lingerMs: 5 },
    messages: tinyReader,
    numbers: new PartitionNumbers(),
    clock: kafka.clock,
    commitOffsets: true,
    ...options,
  });
}

interface Work {
  readonly reader: TopicReader;
  /** Gets each message as `topic/partition:offset`, in the order of its partition. */
  readonly seen: string[];
  readonly onBatch?: () => void;
  /** Keeps the offsets in transactions, as a writer does, instead of leaving them to the leases. */
  readonly writer?: KafkaClient;
}

/** Does with a reader what a stage does. */
async function work({ reader, seen, onBatch, writer }: Work): Promise<void> {
  const working: Promise<void>[] = [];
  for await (const lease of reader.leases(never)) {
    working.push(
      workOn(lease, seen, onBatch, writer).catch((error: unknown) => {
        if (!lease.revoked.aborted) throw error;
      }),
    );
  }
  await Promise.all(working);
}

async function workOn(
  lease: PartitionLease<RowBatch>,
  seen: string[],
  onBatch: Work['onBatch'],
  writer: Work['writer'],
): Promise<void> {
  await using held = lease;
  const options = { compression: 'none', transactionalId: `writer-${held.partition}`, timeoutMs: 5_000 } as const;
  const producer = await writer?.transactionalProducer(options, never);
  const committed = (await writer?.topics.committed('scorers', 'input'))?.[held.partition] ?? held.committed;
  if (committed !== held.committed) held.seek(committed);
  for (;;) {
    const record = await held.next(never);
    if (record.kind === 'end') return;
    const { origin } = record.value;
    const offset = origin.position as number;
    const place = { topic: 'input', partition: held.partition, offset };
    await producer?.commit([], [{ group: 'scorers', offsets: [place] }], never);
    const offsets = [...origin.lines!, ...origin.rejected.map(({ line }) => line)].toSorted((a, b) => a - b);
    seen.push(...offsets.map((each) => `${origin.split}:${each}`));
    onBatch?.();
    await held.commit(offset);
  }
}

async function send(kafka: MemoryKafka, topic: string, partition: number, values: readonly string[]): Promise<void> {
  const producer = await kafka.client().producer({ compression: 'none' }, never);
  await producer.send([{ topic, partition, records: values.map(recordOf) }], never);
}

async function sendInTransaction(
  kafka: MemoryKafka,
  topic: string,
  partition: number,
  values: readonly string[],
): Promise<void> {
  const transactionalId = `${topic}-${partition}`;
  const producer = await kafka
    .client()
    .transactionalProducer({ compression: 'none', transactionalId, timeoutMs: 10_000 }, never);
  await producer.commit([{ topic, partition, records: values.map(recordOf) }], [], never);
  await producer.close();
  // The markers of a transaction may be written after the answer to its commit.
  await kafka.settled();
}

function recordOf(value: string) {
  return { key: null, value: new TextEncoder().encode(value), headers: [] };
}

function placesOf(kafka: MemoryKafka, ...topics: readonly string[]): readonly string[] {
  return topics.flatMap((topic) =>
    kafka.committed(topic).map(({ partition, offset }) => `${topic}/${partition}:${offset}`),
  );
}

describe('a reader of topics', () => {
  test('two members, one of which leaves: every message once, in order, and both come to their end', async () => {
    const writes = fc.array(
      fc.record({ partition: fc.nat(3), count: fc.integer({ min: 1, max: 6 }), transaction: fc.boolean() }),
      { maxLength: 12 },
    );
    const single = [false, true, true, false, true, false].map((transaction) => ({
      partition: 0,
      count: 1,
      transaction,
    }));
    const marked = [
      { partition: 1, count: 4, transaction: true },
      { partition: 0, count: 2, transaction: false },
      { partition: 0, count: 2, transaction: true },
      { partition: 3, count: 1, transaction: true },
      { partition: 2, count: 1, transaction: true },
    ];
    await fc.assert(
      fc.asyncProperty(fc.nat(), writes, fc.nat(10), fc.boolean(), async (seed, all, leaveAfter, commitOffsets) => {
        using world = tickingKafka(seed);
        const { kafka } = world;
        kafka.createTopic('input', 4);
        const client = kafka.client();
        for (const { partition, count, transaction } of all) {
          const values = Array.from({ length: count }, (_, index) => (index % 4 === 3 ? 'poison' : '1:x'));
          await (transaction ? sendInTransaction : send)(kafka, 'input', partition, values);
        }
        // As the writer's transactional ids are: the same number for a partition in every process.
        const numbers = new PartitionNumbers();
        for (let partition = 0; partition < 4; partition += 1) numbers.numberOf({ topic: 'input', partition });
        const writer = commitOffsets ? undefined : kafka.client();
        const [stays, leaves] = [0, 1].map(() => readerOf(kafka, { commitOffsets, numbers })) as [
          TopicReader,
          TopicReader,
        ];
        let batches = 0;
        let leaving: Promise<void> | undefined;
        const seen: string[] = [];
        const counted = (): void => {
          batches += 1;
          if (batches > leaveAfter) leaving ??= leaves.close();
        };
        const both = [stays, leaves].map((reader) =>
          work({ reader, seen, onBatch: counted, ...(writer && { writer }) }),
        );
        await world.ending(Promise.all(both));
        await leaving;
        expect(seen.toSorted()).toEqual(placesOf(kafka, 'input').toSorted());
        for (const own of Map.groupBy(seen, (place) => place.split(':')[0]).values()) {
          const offsets = own.map((place) => Number(place.split(':')[1]));
          expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
        }
        expect(await client.topics.members('scorers')).toBe(0);
      }),
      // A member that was dealt partitions while it was about to leave; markers that came after a commit behind them.
      {
        numRuns: 60,
        examples: [
          [721381453, single, 0, true],
          [600309591, marked, 6, false],
        ],
      },
    );
  });

  test('a member that is killed costs nothing but what it had not committed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 8 }), async (seed, killAfter) => {
        using world = tickingKafka(seed);
        const { kafka } = world;
        kafka.createTopic('input', 3);
        for (let partition = 0; partition < 3; partition += 1)
          await sendInTransaction(kafka, 'input', partition, Array(12).fill('1:x'));
        const dying = kafka.client();
        let batches = 0;
        const seen: string[] = [];
        const killed = work({
          reader: readerOf(kafka, { client: dying }),
          seen,
          onBatch: () => {
            batches += 1;
            if (batches === killAfter) kafka.crash(dying);
          },
        }).catch(() => undefined);
        await Promise.all([work({ reader: readerOf(kafka), seen }), killed]);
        expect([...new Set(seen)].toSorted()).toEqual(placesOf(kafka, 'input').toSorted());
      }),
      { numRuns: 40 },
    );
  });

  test('several topics share one numbering, and a pattern finds them', async () => {
    using world = tickingKafka();
    const { kafka } = world;
    for (const topic of ['in-a', 'in-b', 'out']) kafka.createTopic(topic, 2);
    for (const topic of ['in-a', 'in-b', 'out']) await send(kafka, topic, 1, ['1:x', '1:y']);
    const numbers = new PartitionNumbers();
    const seen: string[] = [];
    await work({ reader: readerOf(kafka, { consumer: { ...CONSUMER, topics: /^in-/ }, numbers }), seen });
    expect(seen.toSorted()).toEqual(placesOf(kafka, 'in-a', 'in-b').toSorted());
    const known = [0, 1, 2, 3].map((number) => numbers.partitionOf(number));
    expect(new Set(known.map(({ topic, partition }) => `${topic}/${partition}`)).size).toBe(4);
    for (const [number, at] of known.entries()) expect(numbers.numberOf(at)).toBe(number);
    expect(() => numbers.partitionOf(4)).toThrow(/number 4/);
  });

  test('begins where the group has committed, else at the offsets, the time or the end that it is told', async () => {
    using world = tickingKafka();
    const { kafka, clock } = world;
    kafka.createTopic('input', 2);
    const client = kafka.client();
    await send(kafka, 'input', 0, ['1:a', '1:b', '1:c']);
    await send(kafka, 'input', 1, ['1:a', '1:b', '1:c']);
    clock.advance(10_000);
    const later = clock.wall();
    await send(kafka, 'input', 0, ['1:d']);
    await send(kafka, 'input', 1, ['1:d']);
    const read = async (group: string, options: Partial<TopicReaderOptions>): Promise<readonly string[]> => {
      const seen: string[] = [];
      await work({ reader: readerOf(kafka, { group, ...options }), seen });
      return seen.toSorted();
    };
    const offsets = { input: { 0: 2, 1: 3 } };
    expect(await read('a', { start: { offsets } })).toEqual(['input/0:2', 'input/0:3', 'input/1:3']);
    expect(await read('a', { start: { offsets: { input: { 0: 0, 1: 0 } } } })).toEqual([]);
    expect(await read('b', { start: { timestamp: later } })).toEqual(['input/0:3', 'input/1:3']);
    expect(await read('c', { start: 'latest' })).toEqual([]);
    expect(await client.topics.committed('c', 'input')).toEqual([4, 4]);
    expect(await read('d', { until: { timestamp: later } })).toHaveLength(6);
    expect(await read('d', { until: { offsets: { input: { 1: 3 } } } })).toEqual(['input/0:3']);
    expect(await read('e', { until: { offsets: { input: { 0: 1, 1: 0 } } } })).toEqual(['input/0:0']);
  });

  test('who begins at the end and dies before the first commit has his successor begin there, too', async () => {
    using world = tickingKafka();
    const { kafka } = world;
    kafka.createTopic('input', 1);
    await send(kafka, 'input', 0, ['1:a']);
    const dying = kafka.client();
    const first = readerOf(kafka, { client: dying, start: 'latest', until: null });
    const leases = first.leases(never)[Symbol.asyncIterator]();
    await leases.next();
    kafka.crash(dying);
    await send(kafka, 'input', 0, ['1:b']);
    const seen: string[] = [];
    await work({ reader: readerOf(kafka, { start: 'latest' }), seen });
    expect(seen).toEqual(['input/0:1']);
  });

  test('says how far each partition is behind', async () => {
    using world = tickingKafka();
    const { kafka } = world;
    kafka.createTopic('input', 1);
    await send(kafka, 'input', 0, ['1:a', '1:b', '1:c', '1:d', '1:e']);
    const reader = readerOf(kafka, { until: null });
    const leases = reader.leases(never)[Symbol.asyncIterator]();
    const lease = (await leases.next()).value!;
    expect(reader.lags).toEqual([{ topic: 'input', partition: 0, lag: null }]);
    await lease.next(never);
    expect(reader.lags).toEqual([{ topic: 'input', partition: 0, lag: 5 }]);
    await lease.commit(3);
    expect(reader.lags).toEqual([{ topic: 'input', partition: 0, lag: 2 }]);
    const closed = reader.close();
    await lease[Symbol.asyncDispose]();
    await closed;
    expect(reader.lags).toEqual([]);
    expect((await leases.next()).done).toBe(true);
  });

  test('a partition that ends before what its writer is done with is refused, and not read past what comes', async () => {
    using world = tickingKafka();
    const { kafka } = world;
    kafka.createTopic('input', 1);
    await send(kafka, 'input', 0, ['1:a', '1:b', '1:c']);
    const begunAt = async (offset: number): Promise<PartitionLease<RowBatch>> => {
      const reader = readerOf(kafka, { group: `at ${offset}`, until: null });
      const { value: lease } = await reader.leases(never)[Symbol.asyncIterator]().next();
      lease!.seek(offset);
      return lease!;
    };
    await expect((await begunAt(4)).next(never)).rejects.toMatchObject({
      code: 'INTAKE_CHANGED',
      message: expect.stringMatching(/input\/0: messages below offset 4 .* ends at 3: .*--reset-offsets/),
    });
    // All that there is was done: the next message is the first one.
    const lease = await begunAt(3);
    await send(kafka, 'input', 0, ['1:d']);
    expect(await lease.next(never)).toMatchObject({ kind: 'batch', sequence: 3 });
  });

  test('a topic that is not there is named before anything is read', async () => {
    using world = tickingKafka();
    await expect(work({ reader: readerOf(world.kafka), seen: [] })).rejects.toMatchObject({
      code: 'KAFKA_TOPIC_MISSING',
    });
  });
});
