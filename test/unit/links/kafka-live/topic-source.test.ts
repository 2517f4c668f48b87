import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RowBatch } from '../../../../src/core/row-batch.ts';
import type { Source } from '../../../../src/core/source.ts';
import type { PartitionRange } from '../../../../src/links/kafka/live/topic-range.ts';
import {
  createTopicSource,
  type RangesMemory,
  type TopicSourceOptions,
} from '../../../../src/links/kafka/live/topic-source.ts';
import { acceptSource } from '../../../../src/testing/accept-source.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { createMemoryKafka, type MemoryKafka } from '../../../support/memory-kafka/memory-kafka.ts';
import { tinyReader } from './topic-log.ts';

const never = new AbortController().signal;
const LIMITS = { rows: 4, bytes: 60, lingerMs: 60_000 };

function cluster(seed?: number): MemoryKafka {
  const clock = new ManualClock();
  clock.autoAdvance();
  return createMemoryKafka(seed === undefined ? { clock } : { clock, seed });
}

function sourceOf(kafka: MemoryKafka, options: Partial<TopicSourceOptions> = {}): Source {
  return createTopicSource({
    client: kafka.client(),
    topics: ['input'],
    from: 'earliest',
    until: 'end',
    memory: null,
    messages: tinyReader,
    clock: kafka.clock,
    ...options,
  });
}

/** The memory of an interrupted run. */
function remembering(initial: readonly PartitionRange[] | null): RangesMemory {
  let kept = initial;
  return {
    find: async () => kept,
    keep: async (ranges) => void (kept = ranges),
    forget: async () => void (kept = null),
  };
}

/** Writes texts in turn over the partitions; those of one call as a transaction, if it is to be one. */
async function send(kafka: MemoryKafka, partition: number, texts: readonly string[], end?: 'commit' | 'abort') {
  const client = kafka.client();
  const records = texts.map((text) => ({ key: null, value: new TextEncoder().encode(text), headers: [] }));
  const batch = { topic: 'input', partition, records };
  if (end === undefined) {
    await (await client.producer({ compression: 'none' }, never)).send([batch], never);
    return;
  }
  const options = { compression: 'none', transactionalId: `${partition}`, timeoutMs: 1_000 } as const;
  const producer = await client.transactionalProducer(options, never);
  if (end === 'abort') kafka.failNext('transaction', new Error('aborted'), { client });
  await producer.commit([batch], [], never).catch(() => undefined);
  await producer.close();
}

async function readAll(source: Source, limits = LIMITS): Promise<readonly RowBatch[]> {
  await source.identity(never);
  const batches: RowBatch[] = [];
  for (const split of await source.splits(never))
    for await (const batch of source.read(split, null, limits, never)) batches.push(batch);
  return batches;
}

/** All that a continuation must give again. */
function shape({ origin, rows, bytes }: RowBatch): unknown {
  const { split, firstRow, after, position, lines, rejected } = origin;
  const bad = rejected.map(({ line, reason }) => [line, reason]);
  return { split, firstRow, after, position, lines: [...lines!], bad, rows, text: new TextDecoder().decode(bytes) };
}

describe('a topic as an intake', () => {
  const checks = acceptSource(async () => {
    const kafka = cluster();
    kafka.createTopic('input', 2);
    const texts = Array.from({ length: 24 }, (_, index) => `2:row${index}`);
    await send(kafka, 0, texts.slice(0, 14));
    await send(kafka, 1, texts.slice(14));
    return {
      source: () => sourceOf(kafka),
      records: texts.map((text) => [text.slice(2), text.slice(2)]),
      change: () => send(kafka, 1, ['2:more']),
      close: async () => undefined,
    };
  });
  for (const { name, run } of checks) test(name, run);

  const text = fc.stringMatching(/^([12]:[a-z]{1,6}|poison)$/);
  const writes = fc.array(
    fc.record({
      partition: fc.nat(1),
      texts: fc.array(text, { minLength: 1, maxLength: 9 }),
      end: fc.constantFrom(undefined, 'commit', 'abort'),
    }),
    { maxLength: 10 },
  );
  const limits = fc.record({
    rows: fc.integer({ min: 1, max: 6 }),
    bytes: fc.integer({ min: 1, max: 50 }),
    lingerMs: fc.constant(0),
  });

  test('every committed message once, in the same batches on every run and behind every position', async () => {
    await fc.assert(
      fc.asyncProperty(writes, limits, fc.nat(), fc.nat(), async (all, cut, one, two) => {
        const logs = async (seed: number): Promise<MemoryKafka> => {
          const kafka = cluster(seed);
          kafka.createTopic('input', 2);
          for (const { partition, texts, end } of all) await send(kafka, partition, texts, end);
          return kafka;
        };
        const [kafka, other] = [await logs(one), await logs(two)];
        await Promise.all([kafka.settled(), other.settled()]);
        const whole = await readAll(sourceOf(kafka), cut);
        expect(
          whole.flatMap(({ origin }) =>
            [...origin.lines!, ...origin.rejected.map(({ line }) => line)]
              .toSorted((a, b) => a - b)
              .map((offset) => `${origin.split}:${offset}`),
          ),
        ).toEqual(kafka.committed('input').map(({ partition, offset }) => `input/${partition}:${offset}`));
        expect((await readAll(sourceOf(other), cut)).map(shape)).toEqual(whole.map(shape));
        for (const [index, { origin }] of whole.entries()) {
          const source = sourceOf(other);
          await source.identity(never);
          const split = { id: origin.split, bytes: null };
          const rest: RowBatch[] = [];
          for await (const batch of source.read(split, origin.position, cut, never)) rest.push(batch);
          const expected = whole.slice(index + 1).filter((batch) => batch.origin.split === origin.split);
          expect(rest.map(shape)).toEqual(expected.map(shape));
        }
      }),
      { numRuns: 60 },
    );
  });

  test('an interrupted job is continued over the ranges that it began with, although the topic has grown', async () => {
    const kafka = cluster();
    kafka.createTopic('input', 1);
    await send(kafka, 0, ['1:a', '1:b']);
    const memory = remembering(null);
    const identity = await sourceOf(kafka, { memory }).identity(never);
    expect(identity).toEqual([{ topic: 'input', partition: 0, from: 0, until: 2 }]);
    await send(kafka, 0, ['1:c']);
    const continued = sourceOf(kafka, { memory });
    expect(await continued.identity(never)).toEqual(identity);
    expect((await readAll(continued)).map(({ rows }) => rows)).toEqual([2]);
    await continued.finished?.(never);
    expect(await sourceOf(kafka, { memory }).identity(never)).toMatchObject([{ until: 3 }]);
  });

  test('what retention has removed is told, before it is read past and while it is read', async () => {
    const kafka = cluster();
    kafka.createTopic('input', 1);
    await send(kafka, 0, ['1:a', '1:b', '1:c', '1:d', '1:e', '1:f']);
    const ranges = [{ topic: 'input', partition: 0, from: 0, until: 6 }];
    const memory = remembering(ranges);
    const slow = sourceOf(kafka, { memory });
    await slow.identity(never);
    const reading = slow.read({ id: 'input/0', bytes: null }, null, { ...LIMITS, bytes: 2 }, never);
    const batches = reading[Symbol.asyncIterator]();
    await batches.next();
    kafka.trim('input', 0, 5);
    const rest = async (): Promise<void> => {
      while ((await batches.next()).done !== true);
    };
    await expect(rest()).rejects.toMatchObject({ code: 'INTAKE_CHANGED' });
    await expect(readAll(sourceOf(kafka, { memory }))).rejects.toMatchObject({ code: 'INTAKE_CHANGED' });
    await expect(readAll(sourceOf(kafka, { memory }))).rejects.toThrow(/begins at 5 now.*retention/);
    // What was read before it was removed is not missed.
    const source = sourceOf(kafka, { memory: remembering([{ topic: 'input', partition: 0, from: 5, until: 6 }]) });
    expect(await readAll(source)).toHaveLength(1);
  });

  test('a range by offsets or times', async () => {
    const kafka = cluster();
    kafka.createTopic('input', 2);
    await send(kafka, 0, ['1:a', '1:b', '1:c']);
    await send(kafka, 1, ['1:d', 'poison']);
    const source = sourceOf(kafka, {
      from: { offsets: { input: { 0: 1 } } },
      until: { offsets: { input: { 0: 2 } } },
    });
    const batches = await readAll(source);
    expect(batches.map(shape)).toMatchObject([
      { split: 'input/0', firstRow: 1, after: null, position: 2, lines: [1], text: 'b\n' },
      { split: 'input/1', firstRow: 0, after: null, position: 2, lines: [0], bad: [[1, 'no row']] },
    ]);
    expect(await readAll(sourceOf(kafka, { until: { timestamp: 0 } }))).toEqual([]);
    expect(await readAll(sourceOf(kafka, { from: 'latest' }))).toEqual([]);
  });
});
