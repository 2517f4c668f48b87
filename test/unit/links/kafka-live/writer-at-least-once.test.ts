import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SluiceError } from '../../../../src/core/error.ts';
import { createPlainWriter } from '../../../../src/links/kafka/live/writer-at-least-once.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { createMemoryKafka } from '../../../support/memory-kafka/memory-kafka.ts';
import { envelopeOf, idsOf, recordWriter, scoredMessages } from './writer-batches.ts';

const never = new AbortController().signal;

test('the plain writer calls durable only what is in the topic, in order, and loses nothing when sends fail', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.nat(5),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      async (seed, failures, sizes) => {
        const clock = new ManualClock();
        const stop = clock.autoAdvance();
        const kafka = createMemoryKafka({ clock, seed });
        kafka.createTopic('out', 2);
        await using writer = createPlainWriter({
          client: kafka.client(),
          topic: 'out',
          deadLetterTopic: null,
          inputOf: (partition) => ({ topic: 'in', partition }),
          messages: recordWriter,
          mapping: { key: 'none', headers: 'drop', timestamp: 'now' },
          partitioning: 'source',
          keepFailed: false,
          compression: 'none',
          limits: { maxPieces: 3, maxRequestBytes: 300, maxPendingBytes: 900 },
          clock,
        });
        for (let i = 0; i < failures; i += 1)
          kafka.failNext('send', new SluiceError('KAFKA_UNREACHABLE', 'a test'), { after: i % 2 === 1 });
        const ids = (partition: number): readonly string[] =>
          idsOf(kafka.committed('out').filter((each) => each.partition === partition));
        let next = 0;
        await Promise.all(
          [0, 1].map(async (partition) => {
            expect(await writer.begin(partition, 0, never)).toBe(0);
            let from = 0;
            for (const size of sizes) {
              const all = Array.from({ length: size }, (_, i) => envelopeOf('in', partition, from + i));
              from += size;
              const value = scoredMessages(
                all,
                from,
                () => false,
                () => false,
              );
              await writer.append(partition, { kind: 'batch', sequence: value.sequence, value }, never);
              const durable = writer.durable(partition);
              expect(new Set(ids(partition)).size).toBeGreaterThanOrEqual(durable);
            }
            await writer.end(partition, never);
            expect(writer.durable(partition)).toBe(from);
            next = from;
          }),
        );
        stop();
        for (const partition of [0, 1])
          expect([...new Set(ids(partition))]).toEqual(Array.from({ length: next }, (_, i) => `${partition}-${i}`));
      },
    ),
  );
});
