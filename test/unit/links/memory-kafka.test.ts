import { setMaxListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../../src/core/error.ts';
import type { AssignedPartition, KafkaClient, KafkaConsumer } from '../../../src/links/kafka/client.ts';
import { Assignments, consumerOptions, textRecord, texts } from '../../integration/kafka-clients/client-harness.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { createMemoryKafka, type MemoryKafka } from '../../support/memory-kafka/memory-kafka.ts';

const never = new AbortController().signal;
setMaxListeners(0, never);
const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const transactional = (transactionalId: string) =>
  ({ transactionalId, timeoutMs: 5_000, compression: 'none' }) as const;

async function send(client: KafkaClient, topic: string, partition: number, values: readonly string[]): Promise<void> {
  const producer = await client.producer({ compression: 'none' }, never);
  await producer.send([{ topic, partition, records: values.map(textRecord) }], never);
}

async function hops(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await Promise.resolve();
}

/** All that a reader without a group gets of partition 0 until it stands at the end. */
async function readAll(kafka: MemoryKafka, topic: string, readCommitted = true): Promise<readonly string[]> {
  const consumer = await kafka.client().consumer(consumerOptions([topic], null, { readCommitted }), never);
  const partition = await new Assignments(consumer, never).next();
  const values: string[] = [];
  const end = kafka.log(topic, 0).at(-1)!.offset + 1;
  while (partition.position < end) values.push(...texts(await partition.poll(16, never, 0)));
  return values;
}

describe('the memory Kafka', () => {
  test('readers of committed records see all of them and nothing else, the others all but markers', async () => {
    const round = fc.record({ abort: fc.boolean(), values: fc.integer({ min: 0, max: 4 }) });
    await fc.assert(
      fc.asyncProperty(seeds, fc.boolean(), fc.array(round, { maxLength: 12 }), async (seed, leakAborted, rounds) => {
        const kafka = createMemoryKafka({ seed, leakAborted });
        kafka.createTopic('t', 1);
        const client = kafka.client();
        await send(client, 't', 0, ['first']);
        const producer = await client.transactionalProducer(transactional('id'), never);
        const [committed, all] = [['first'], ['first']];
        for (const [index, { abort, values }] of rounds.entries()) {
          const written = Array.from({ length: values }, (_, at) => `${index}.${at}`);
          if (abort) kafka.failNext('transaction', new SluiceError('KAFKA_FAULT', 'as told'));
          const done = producer.commit([{ topic: 't', partition: 0, records: written.map(textRecord) }], [], never);
          if (abort) await expect(done).rejects.toThrow('as told');
          else await done;
          all.push(...written);
          if (!abort) committed.push(...written);
        }
        await kafka.settled();
        const seen = await readAll(kafka, 't');
        expect(texts(kafka.committed('t'))).toEqual(committed);
        expect(leakAborted ? seen.filter((value) => committed.includes(value)) : seen).toEqual(committed);
        expect(await readAll(kafka, 't', false)).toEqual(all);
        const offsets = kafka.log('t', 0).map(({ offset }) => offset);
        expect(offsets).toEqual([...offsets.keys()]);
      }),
      { numRuns: 50 },
    );
  });

  test('an open transaction hides what comes after it, until its time is over', async () => {
    const clock = new ManualClock();
    const kafka = createMemoryKafka({ clock });
    kafka.createTopic('t', 1);
    const [dying, living] = [kafka.client(), kafka.client()];
    const producer = await dying.transactionalProducer(transactional('id'), never);
    const batch = { topic: 't', partition: 0, records: [textRecord('open')] };
    const open = producer.commit([batch, batch], [], never);
    while (kafka.log('t', 0).length === 0) await hops(1);
    kafka.crash(dying);
    await expect(open).rejects.toMatchObject({ code: 'KAFKA_FAULT' });
    await send(living, 't', 0, ['behind']);
    expect(await living.topics.ranges('t')).toEqual([{ start: 0, end: 0, high: 3 }]);
    clock.advance(5_000);
    await kafka.settled();
    expect(texts(kafka.committed('t'))).toEqual(['behind']);
    expect(await readAll(kafka, 't')).toEqual(['behind']);
    expect((await living.topics.ranges('t'))[0]!.end).toBe(kafka.log('t', 0).length);
  });

  test('the same seed gives the same history, another one another', async () => {
    const history = async (seed: number): Promise<string> => {
      const kafka = createMemoryKafka({ seed });
      kafka.createTopic('t', 1);
      const client = kafka.client();
      await Promise.all(Array.from({ length: 20 }, (_, index) => send(client, 't', 0, [`${index}`])));
      return texts(kafka.committed('t')).join(' ');
    };
    expect(await history(1)).toBe(await history(1));
    expect(new Set(await Promise.all([1, 2, 3, 4].map(history))).size).toBeGreaterThan(1);
  });

  test('who gets a partition is the only one who can still commit for it', async () => {
    const chaos = fc.array(fc.tuple(fc.nat(3), fc.nat(7)), { minLength: 5, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(seeds, chaos, async (seed, acts) => {
        const clock = new ManualClock();
        const kafka = createMemoryKafka({ clock, seed });
        kafka.createTopic('t', 3);
        const clients: KafkaClient[] = [];
        const frozen = new Set<KafkaClient>();
        const given: { readonly at: AssignedPartition; readonly to: KafkaClient; released: boolean }[] = [];
        const wrong: string[] = [];
        const member = async (to: KafkaClient): Promise<void> => {
          const consumer = await to.consumer(consumerOptions(['t'], 'g'), never);
          for await (const at of consumer.assignments(never)) {
            for (const former of given.filter((each) => each.at.partition === at.partition)) {
              if (!former.released && !former.at.lost.aborted && !frozen.has(former.to)) wrong.push(`${at.partition}`);
            }
            const entry = { at, to, released: false };
            given.push(entry);
            // Some let go in order, the others wait until it is taken from them.
            const release = async (): Promise<void> => {
              await at.commit(0);
              entry.released = true;
              await at[Symbol.asyncDispose]();
            };
            if (given.length % 3 > 0) at.revoked.addEventListener('abort', () => void release().catch(() => undefined));
          }
        };
        const start = (): void => {
          const client = kafka.client();
          clients.push(client);
          void member(client).catch(() => undefined);
        };
        start();
        for (const [act, which] of acts) {
          const client = clients[which % clients.length]!;
          if (act === 0) start();
          else if (act === 1) {
            kafka.freeze(client);
            frozen.add(client);
          } else if (act === 2) {
            frozen.delete(client);
            kafka.thaw(client);
          } else clock.advance(which * 500);
          await kafka.settled();
        }
        for (const client of clients) kafka.thaw(client);
        await kafka.settled();
        expect(wrong).toEqual([]);
        const stale = given.filter(({ at }, index) =>
          given.slice(index + 1).some((later) => later.at.partition === at.partition),
        );
        for (const { at } of stale) await expect(at.commit(0)).rejects.toMatchObject({ code: 'KAFKA_FENCED' });
      }),
      { numRuns: 60 },
    );
  });

  test('a member that is about to leave is dealt nothing by a balance that is under way', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.nat(60), async (seed, when) => {
        const kafka = createMemoryKafka({ seed });
        kafka.createTopic('t', 4);
        const client = kafka.client();
        let leaving = false;
        let late = 0;
        const member = async (): Promise<KafkaConsumer> => {
          const consumer = await client.consumer(consumerOptions(['t'], 'g'), never);
          void (async () => {
            for await (const held of consumer.assignments(never)) {
              if (leaving && consumer === leaves && !held.revoked.aborted) late += 1;
              const release = (): void => void held[Symbol.asyncDispose]();
              if (held.revoked.aborted) release();
              else held.revoked.addEventListener('abort', release);
            }
          })();
          return consumer;
        };
        await member();
        const leaves = await member();
        await hops(when);
        const left = leaves.close();
        leaving = true;
        await left;
        await kafka.settled();
        expect(late).toBe(0);
        expect(await client.topics.members('g')).toBe(1);
      }),
      { numRuns: 100 },
    );
  });

  test('of two commits of a group the one that was written last stands, though markers came after it', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const kafka = createMemoryKafka({ seed });
        kafka.createTopic('t', 1);
        const client = kafka.client();
        await send(client, 't', 0, ['a', 'b', 'c']);
        const held = await new Assignments(await client.consumer(consumerOptions(['t'], 'g'), never), never).next();
        const producer = await client.transactionalProducer(transactional('id'), never);
        const records = [textRecord('copy')];
        const offsets = [{ topic: 't', partition: 0, offset: 2 }];
        await producer.commit([{ topic: 't', partition: 0, records }], [{ group: 'g', offsets }], never);
        await held.commit(3);
        await kafka.settled();
        expect(await client.topics.committed('g', 't')).toEqual([3]);
      }),
      { numRuns: 40 },
    );
  });

  test('compaction keeps the last record of every key at its offset', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(4), { minLength: 1, maxLength: 40 }), async (keys) => {
        const kafka = createMemoryKafka({ compaction: true });
        kafka.createTopic('t', 1, { 'cleanup.policy': 'compact' });
        const producer = await kafka.client().producer({ compression: 'none' }, never);
        for (const [index, key] of keys.entries()) {
          const record = { ...textRecord(`${index}`), key: Buffer.from(`${key}`) };
          await producer.send([{ topic: 't', partition: 0, records: [record] }], never);
        }
        const last = [...new Set(keys)].map((key) => keys.lastIndexOf(key)).toSorted((a, b) => a - b);
        expect(kafka.log('t', 0).map(({ offset }) => offset)).toEqual(last);
        expect(await readAll(kafka, 't')).toEqual(last.map(String));
      }),
      { numRuns: 50 },
    );
  });

  test('what is crashed does nothing more, and its partitions move on after the session', async () => {
    const clock = new ManualClock();
    const kafka = createMemoryKafka({ clock });
    kafka.createTopic('t', 1);
    const [dying, living] = [kafka.client(), kafka.client()];
    const held = await new Assignments(await dying.consumer(consumerOptions(['t'], 'g'), never), never).next();
    kafka.crash(dying);
    await expect(held.poll(1, never)).rejects.toBeDefined();
    await expect(held.commit(0)).rejects.toBeDefined();
    await expect(dying.topics.list()).rejects.toMatchObject({ code: 'KAFKA_FAULT' });
    await dying.close();
    let given = false;
    const next = new Assignments(await living.consumer(consumerOptions(['t'], 'g'), never), never).next();
    void next.then(() => (given = true));
    clock.advance(5_999);
    await kafka.settled();
    expect(given).toBe(false);
    clock.advance(1);
    expect((await next).partition).toBe(0);
  });

  test('an error that was ordered comes once, before the effect or in place of the reply', async () => {
    const kafka = createMemoryKafka();
    kafka.createTopic('t', 1);
    const client = kafka.client();
    kafka.failNext('send', new SluiceError('KAFKA_FAULT', 'before'), { client });
    kafka.failNext('send', new SluiceError('KAFKA_FAULT', 'after'), { client, after: true });
    await expect(send(client, 't', 0, ['a'])).rejects.toThrow('before');
    await expect(send(client, 't', 0, ['b'])).rejects.toThrow('after');
    await send(client, 't', 0, ['c']);
    expect(texts(kafka.committed('t'))).toEqual(['b', 'c']);
  });
});
