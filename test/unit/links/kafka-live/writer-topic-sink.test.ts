import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findSluiceError, SluiceError } from '../../../../src/core/error.ts';
import type { Sink } from '../../../../src/core/sink.ts';
import type { KafkaClient } from '../../../../src/links/kafka/client.ts';
import { createTopicSink, type TopicSinkOptions } from '../../../../src/links/kafka/topic-sink/topic-sink.ts';
import { refusal } from '../../../../src/testing/refusal.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { createMemoryKafka, type MemoryKafka } from '../../../support/memory-kafka/memory-kafka.ts';
import { idsOf, OUTPUT, recordWriter, scoredRows } from './writer-batches.ts';

const never = new AbortController().signal;
const job = { intake: 'rows.csv' };
const ROWS = 60;
const facts = {
  version: 1 as const,
  job,
  tally: { read: ROWS, scored: ROWS, failed: 0, skipped: 0 },
  model: null,
  intakeBytes: 1,
  finished: '2026-01-01T00:00:00.000Z',
};

function cluster(seed: number): { readonly kafka: MemoryKafka; readonly stop: () => void } {
  const clock = new ManualClock();
  const kafka = createMemoryKafka({ clock, seed, compaction: true, leakAborted: true });
  kafka.createTopic('out', 3);
  return { kafka, stop: clock.autoAdvance() };
}

function sinkOf(kafka: MemoryKafka, client: KafkaClient, changes: Partial<TopicSinkOptions> = {}): Sink {
  return createTopicSink({
    client,
    topic: 'out',
    deadLetterTopic: null,
    messages: recordWriter,
    keyColumn: null,
    exactlyOnce: true,
    overwrite: false,
    compression: 'none',
    replicationFactor: null,
    timeoutMs: 1_000,
    limits: { maxRequestBytes: 200, maxPendingBytes: 600, maxPieces: 2 },
    clock: kafka.clock,
    ...changes,
  });
}

/** Runs the job from where the sink stands; batches hold as many rows as the run's sizes say. `through.after` counts rows. */
async function run(sink: Sink, sizes: readonly number[]): Promise<string> {
  try {
    const ledger = await sink.open(job, never);
    let at = (ledger?.through?.after as number | undefined) ?? 0;
    for (let sequence = ledger?.sequence ?? 0; at < ROWS; sequence += 1) {
      const size = Math.min(sizes[sequence % sizes.length]!, ROWS - at);
      const batch = scoredRows(
        Array.from({ length: size }, (_, i) => `${at + i}`),
        sequence,
      );
      at += size;
      await sink.write({ ...batch, through: { split: 'rows.csv', after: at } }, OUTPUT, never);
      if (sequence % 3 === 2) {
        const { sequence: durable } = await sink.commit(never);
        expect(durable).toBe(sequence + 1);
      }
    }
    await sink.publish(facts, OUTPUT, never);
    return 'done';
  } catch (error) {
    return findSluiceError(error)?.code ?? String(error);
  } finally {
    await sink.close().catch(() => undefined);
  }
}

const wanted = Array.from({ length: ROWS }, (_, i) => `${i}`);
const inOrder = (ids: readonly string[]): readonly string[] => ids.toSorted((a, b) => Number(a) - Number(b));
const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 });
const disturbance = fc.record({
  kind: fc.constantFrom('crash' as const, 'fail' as const, 'takeover' as const, 'close' as const),
  after: fc.nat(150),
  sizes,
});

describe('the sink of a topic', () => {
  test.each([true, false])(
    'has each row of a job, whatever is killed, fenced or refused, and once when exactlyOnce is %s',
    async (exactlyOnce) => {
      await fc.assert(
        fc.asyncProperty(fc.integer(), fc.array(disturbance, { maxLength: 5 }), sizes, async (seed, all, last) => {
          const { kafka, stop } = cluster(seed);
          const under: Promise<unknown>[] = [];
          for (const { kind, after, sizes: cut } of all) {
            const client = kafka.client();
            const sink = sinkOf(kafka, client, { exactlyOnce });
            if (kind === 'fail')
              kafka.failNext(exactlyOnce ? 'transaction' : 'send', new SluiceError('KAFKA_UNREACHABLE', 'a test'), {
                client,
              });
            const working = run(sink, cut);
            under.push(working);
            for (let step = 0; step < after; step += 1) await Promise.resolve();
            if (kind === 'crash') kafka.crash(client);
            if (kind === 'close') await sink.close();
            // Without transactions nobody is fenced: two runs at once write twice, and their ledgers mix.
            if (kind === 'fail' || !exactlyOnce) {
              if (kind === 'takeover') await sink.close();
              await working;
            }
          }
          let outcome: string;
          do outcome = await run(sinkOf(kafka, kafka.client(), { exactlyOnce }), last);
          while (outcome === 'KAFKA_FENCED' || outcome === 'KAFKA_UNREACHABLE');
          expect(['done', 'OUTPUT_EXISTS']).toContain(outcome);
          await Promise.all(under);
          await kafka.settled();
          await refusal('OUTPUT_EXISTS', () => sinkOf(kafka, kafka.client(), { exactlyOnce }).open(job, never));
          stop();
          const ids = idsOf(kafka.committed('out'));
          expect(inOrder(exactlyOnce ? ids : [...new Set(ids)])).toEqual(wanted);
        }),
        { numRuns: 150 },
      );
    },
  );

  test('continues behind what its last commit said, refuses the other way of writing, and forgets what it discards', async () => {
    const { kafka, stop } = cluster(1);
    const first = sinkOf(kafka, kafka.client());
    expect(await first.open(job, never)).toBeNull();
    await first.write(scoredRows(['a', 'b'], 0), OUTPUT, never);
    const ledger = await first.commit(never);
    expect(ledger).toMatchObject({ sequence: 1, holds: { rows: { records: 2 } } });
    await first.close();
    await refusal('LEDGER_OTHER_JOB', () => sinkOf(kafka, kafka.client(), { exactlyOnce: false }).open(job, never));
    const second = sinkOf(kafka, kafka.client());
    expect(await second.open(job, never)).toEqual(ledger);
    await second.discard();
    await second.close();
    const third = sinkOf(kafka, kafka.client());
    expect(await third.open(job, never)).toBeNull();
    await third.close();
    stop();
  });

  test('an overwritten output begins anew behind what is there; another job is another output', async () => {
    const { kafka, stop } = cluster(2);
    expect(await run(sinkOf(kafka, kafka.client()), [7])).toBe('done');
    expect(await run(sinkOf(kafka, kafka.client()), [7])).toBe('OUTPUT_EXISTS');
    expect(await run(sinkOf(kafka, kafka.client(), { overwrite: true }), [9])).toBe('done');
    const other = sinkOf(kafka, kafka.client());
    expect(await other.open({ intake: 'other.csv' }, never)).toBeNull();
    await other.close();
    stop();
    expect(inOrder(idsOf(kafka.committed('out')))).toEqual(wanted.flatMap((id) => [id, id]));
  });

  test('rows with the same key are in one partition, in the order of the job', async () => {
    const { kafka, stop } = cluster(3);
    const sink = sinkOf(kafka, kafka.client(), { keyColumn: 'id' });
    await sink.open(job, never);
    for (let sequence = 0; sequence < 9; sequence += 1)
      await sink.write(scoredRows(['x', 'y', `${sequence}`], sequence), OUTPUT, never);
    await sink.commit(never);
    await sink.close();
    stop();
    const partitions = kafka.committed('out').filter(({ value }) => idsOf([{ value }])[0] === 'x');
    expect(new Set(partitions.map(({ partition }) => partition)).size).toBe(1);
    expect(partitions).toHaveLength(9);
  });
});
