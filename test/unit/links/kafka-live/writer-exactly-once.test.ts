import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findSluiceError, SluiceError } from '../../../../src/core/error.ts';
import type { KafkaClient } from '../../../../src/links/kafka/client.ts';
import {
  createTransactionalWriter,
  type TransactionalWriterOptions,
} from '../../../../src/links/kafka/live/writer-exactly-once.ts';
import type { TopicWriter } from '../../../../src/links/kafka/live/writer-link.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { createMemoryKafka, type MemoryKafka } from '../../../support/memory-kafka/memory-kafka.ts';
import { envelopeOf, idsOf, recordWriter, scoredMessages } from './writer-batches.ts';

const never = new AbortController().signal;
const PARTITIONS = 2;
const MESSAGES = 40;
const isFailed = (offset: number): boolean => offset % 7 === 3;
const isSkipped = (offset: number): boolean => offset % 11 === 5;
// Compaction and transaction markers leave gaps.
const offsets = Array.from({ length: MESSAGES }, (_, i) => i + Math.floor(i / 5));
const END = offsets.at(-1)! + 1;

function cluster(seed: number): { readonly kafka: MemoryKafka; readonly stop: () => void } {
  const clock = new ManualClock();
  const kafka = createMemoryKafka({ clock, seed });
  kafka.createTopic('in', PARTITIONS);
  kafka.createTopic('out', PARTITIONS);
  kafka.createTopic('dead', 1);
  return { kafka, stop: clock.autoAdvance() };
}

function writerOf(
  kafka: MemoryKafka,
  client: KafkaClient,
  changes: Partial<TransactionalWriterOptions> = {},
): TopicWriter {
  return createTransactionalWriter({
    client,
    topic: 'out',
    deadLetterTopic: 'dead',
    inputOf: (partition) => ({ topic: 'in', partition }),
    messages: recordWriter,
    mapping: { key: 'envelope', headers: 'keep', timestamp: 'keep' },
    partitioning: 'source',
    keepFailed: false,
    compression: 'none',
    group: 'g',
    transactionalIdPrefix: 't',
    timeoutMs: 1_000,
    limits: { maxPieces: 3, maxRequestBytes: 300, maxPendingBytes: 900 },
    clock: kafka.clock,
    ...changes,
  });
}

/** Takes a partition and writes it from where it stands, in batches of the given sizes; says how it ended. */
async function work(writer: TopicWriter, partition: number, sizes: readonly number[]): Promise<string> {
  try {
    const from = await writer.begin(partition, 0, never);
    let at = offsets.filter((offset) => offset < from).length;
    for (let turn = 0; at < offsets.length; turn += 1) {
      const taken = offsets.slice(at, at + sizes[turn % sizes.length]!);
      at += taken.length;
      const all = taken.map((offset) => envelopeOf('in', partition, offset));
      const value = scoredMessages(all, taken.at(-1)! + 1, isFailed, isSkipped);
      const before = writer.durable(partition);
      await writer.append(partition, { kind: 'batch', sequence: value.sequence, value }, never);
      expect(writer.durable(partition)).toBeGreaterThanOrEqual(before);
    }
    await writer.end(partition, never);
    return 'done';
  } catch (error) {
    return findSluiceError(error)?.code ?? String(error);
  }
}

/** Whether the topics hold each row and each dead letter once, in order. */
function expectWhole(kafka: MemoryKafka): void {
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const name = (offset: number): string => `${partition}-${offset}`;
    const rows = kafka.committed('out').filter((each) => each.partition === partition);
    expect(idsOf(rows)).toEqual(offsets.filter((o) => !isFailed(o) && !isSkipped(o)).map(name));
    const letters = idsOf(kafka.committed('dead')).filter((id) => id.startsWith(`${partition}-`));
    expect(letters).toEqual(offsets.filter((o) => isFailed(o) || isSkipped(o)).map(name));
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
const disturbance = fc.record({
  kind: fc.constantFrom('crash', 'fail', 'takeover', 'abort', 'freeze', 'lose', 'lose and crash'),
  after: fc.nat(120),
  sizes,
});

describe('the transactional writer of a topic', () => {
  test('shows each row and dead letter once and in order, whatever is killed, fenced, frozen, refused or lost by the broker', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.array(disturbance, { maxLength: 5 }), sizes, async (seed, all, last) => {
        const { kafka, stop } = cluster(seed);
        const under: Promise<unknown>[] = [];
        const frozen: KafkaClient[] = [];
        for (const { kind, after, sizes: cut } of all) {
          const client = kafka.client();
          const writer = writerOf(kafka, client);
          const working = Promise.all([0, 1].map((partition) => work(writer, partition, cut)));
          under.push(working);
          if (kind === 'fail')
            kafka.failNext('transaction', new SluiceError('KAFKA_UNREACHABLE', 'a test'), { client });
          if (kind.startsWith('lose')) kafka.loseMarkers(client, after % 4);
          for (let step = 0; step < after; step += 1) await Promise.resolve();
          if (kind.endsWith('crash')) kafka.crash(client);
          if (kind === 'abort') {
            const aborted = AbortSignal.abort(new Error('lost'));
            await Promise.all([0, 1].map((partition) => writer.end(partition, aborted)));
          }
          if (kind === 'freeze') {
            kafka.freeze(client);
            frozen.push(client);
          }
          if (kind === 'fail') await working;
        }
        const writer = writerOf(kafka, kafka.client());
        // Those who wrote before may still fence this one while they begin, but not for ever.
        for (const partition of [0, 1])
          while ((await work(writer, partition, last)) !== 'done') await writer.end(partition, AbortSignal.abort());
        for (const client of frozen) kafka.thaw(client);
        await Promise.all(under);
        await kafka.settled();
        stop();
        expectWhole(kafka);
        expect([writer.durable(0), writer.durable(1)]).toEqual([END, END]);
        expect(await kafka.client().topics.committed('g', 'in')).toEqual([END, END]);
      }),
      { numRuns: 200 },
    );
  });

  test('takes over nothing but what is committed: the zombie can write nothing more', async () => {
    const { kafka, stop } = cluster(1);
    const zombie = writerOf(kafka, kafka.client());
    const batch = (from: number, to: number) => {
      const all = Array.from({ length: to - from }, (_, i) => envelopeOf('in', 0, from + i));
      const value = scoredMessages(
        all,
        to,
        () => false,
        () => false,
      );
      return { kind: 'batch' as const, sequence: from, value };
    };
    expect(await zombie.begin(0, 0, never)).toBe(0);
    await zombie.append(0, batch(0, 5), never);
    await kafka.settled();
    expect(zombie.durable(0)).toBe(5);
    const owner = writerOf(kafka, kafka.client());
    expect(await owner.begin(0, 0, never)).toBe(5);
    await zombie.append(0, batch(5, 9), never);
    await expect(zombie.end(0, never)).rejects.toMatchObject({ code: 'KAFKA_FENCED' });
    await owner.append(0, batch(5, 7), never);
    await owner.end(0, never);
    stop();
    expect(idsOf(kafka.committed('out'))).toEqual([0, 1, 2, 3, 4, 5, 6].map((offset) => `0-${offset}`));
  });

  test('keeps key, headers and timestamp; a dead letter keeps its bytes and says where it was', async () => {
    const { kafka, stop } = cluster(2);
    const writer = writerOf(kafka, kafka.client(), { keepFailed: true });
    await writer.begin(1, 3, never);
    const value = scoredMessages([envelopeOf('in', 1, 3)], 4, isFailed, () => false);
    await writer.append(1, { kind: 'batch', sequence: 3, value }, never);
    await writer.end(1, never);
    stop();
    const [row] = kafka.committed('out');
    expect([
      row?.partition,
      row?.timestamp,
      idsOf([{ value: row?.key ?? null }])[0],
      Buffer.from(row?.value ?? []).toString(),
    ]).toEqual([1, 1003, '1-3', '1-3,0.5']);
    expect(row?.headers.map(({ name }) => name)).toEqual(['trace']);
    const [letter] = kafka.committed('dead');
    expect(idsOf([{ value: letter!.key }, letter!])).toEqual(['1-3', '1-3']);
    expect(
      Object.fromEntries(letter!.headers.map(({ name, value: text }) => [name, Buffer.from(text).toString()])),
    ).toEqual({
      trace: '1-3',
      'sluice-error': 'a test',
      'sluice-kind': 'failed',
      'sluice-attempts': '1',
      'sluice-topic': 'in',
      'sluice-partition': '1',
      'sluice-offset': '3',
      'sluice-timestamp': '1003',
    });
  });

  test('jobs whose group and topic only look alike when they stand together do not fence each other', async () => {
    const { kafka, stop } = cluster(4);
    const writing = (group: string, topic: string): TopicWriter => {
      kafka.createTopic(topic, 1);
      const changes = { group, transactionalIdPrefix: `sluice-${group}`, inputOf: () => ({ topic, partition: 0 }) };
      return writerOf(kafka, kafka.client(), changes);
    };
    const [one, other] = [writing('flights', 'eu-orders'), writing('flights-eu', 'orders')];
    await one.begin(0, 0, never);
    await other.begin(0, 0, never);
    for (const writer of [one, other]) {
      const value = scoredMessages(
        [envelopeOf('in', 0, 0)],
        1,
        () => false,
        () => false,
      );
      await writer.append(0, { kind: 'batch', sequence: 0, value }, never);
      await writer.end(0, never);
    }
    stop();
    expect(idsOf(kafka.committed('out'))).toEqual(['0-0', '0-0']);
  });

  test('an append waits while too much is not durable, and gives its signal its reason', async () => {
    const { kafka, stop } = cluster(3);
    const client = kafka.client();
    const writer = writerOf(kafka, client);
    await writer.begin(0, 0, never);
    kafka.freeze(client);
    const aborting = new AbortController();
    let accepted = 0;
    const appending = (async () => {
      for (let at = 0; at < 100; at += 1) {
        const value = scoredMessages(
          [envelopeOf('in', 0, at)],
          at + 1,
          () => false,
          () => false,
        );
        await writer.append(0, { kind: 'batch', sequence: at, value }, aborting.signal);
        accepted += 1;
      }
    })();
    await kafka.settled();
    expect(accepted).toBeGreaterThan(2);
    expect(accepted).toBeLessThan(30);
    aborting.abort(new Error('enough'));
    await expect(appending).rejects.toThrow('enough');
    await writer.end(0, aborting.signal);
    kafka.thaw(client);
    await writer[Symbol.asyncDispose]();
    stop();
  });
});
