import { getEventListeners } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkaClient, PartitionRecords, ProducerRecord } from '../../../src/links/kafka/client.ts';
import {
  Assignments,
  aborted,
  type CreateKafkaClient,
  consumerOptions,
  freshName,
  freshTopic,
  plainConnection,
  pollAll,
  textRecord,
  texts,
  write,
} from './client-harness.ts';

/** What every adapter of the port must do, on a real broker. */
export function describeClient(name: string, create: CreateKafkaClient, brokers: () => readonly string[]): void {
  describe(`${name}: the port`, () => {
    let client: KafkaClient;
    const signal = (): AbortSignal => AbortSignal.timeout(50_000);

    beforeAll(() => {
      client = create(plainConnection(brokers()));
    });
    afterAll(() => client.close());

    describe('topics', () => {
      test('a topic is made once, listed, measured and removed', async () => {
        const topic = await freshTopic(client, 3);
        const again = await client.topics.create({ name: topic, partitions: 3, replicationFactor: 1, config: {} });
        expect(again).toBe(false);
        expect(await client.topics.list()).toContain(topic);
        expect((await client.topics.list()).filter((each) => each.startsWith('__'))).toEqual([]);
        expect(await client.topics.partitions(topic)).toBe(3);
        await write(client, topic, 1, ['a', 'b']);
        expect(await client.topics.ranges(topic)).toEqual([
          { start: 0, end: 0, high: 0 },
          { start: 0, end: 2, high: 2 },
          { start: 0, end: 0, high: 0 },
        ]);
        await client.topics.remove([topic, freshName('absent')]);
        expect(await client.topics.partitions(topic)).toBeNull();
      });

      test('offsets are found by time', async () => {
        const topic = await freshTopic(client, 1);
        await using producer = await client.producer({ compression: 'none' }, signal());
        const records = [1_000, 2_000, 3_000].map((timestamp) => ({ ...textRecord('x'), timestamp }));
        await producer.send([{ topic, partition: 0, records }], signal());
        expect(await client.topics.offsetsAt(topic, 2_000)).toEqual([1]);
        expect(await client.topics.offsetsAt(topic, 9_000)).toEqual([3]);
      });

      test('a topic or group that is not there is nothing, or says so', async () => {
        expect(await client.topics.partitions(freshName('absent'))).toBeNull();
        expect(await client.topics.members(freshName('absent'))).toBe(0);
        await client.topics.removeGroups([freshName('absent')]);
        const topic = await freshTopic(client, 2);
        expect(await client.topics.committed(freshName('absent'), topic)).toEqual([null, null]);
        await expect(client.topics.ranges(freshName('absent'))).rejects.toMatchObject({ code: 'KAFKA_TOPIC_MISSING' });
      });
    });

    describe('producer', () => {
      test('keys, values, headers and times come back as they were', async () => {
        const topic = await freshTopic(client, 1);
        const records = [
          {
            key: Buffer.from([0, 1, 255]),
            value: Buffer.from('value'),
            headers: [
              { name: 'a', value: Buffer.from('1') },
              { name: 'a', value: Buffer.from([255, 0]) },
              { name: 'b', value: Buffer.from('') },
            ],
            timestamp: 1_234_567,
          },
          { key: null, value: null, headers: [] },
          { key: Buffer.from(''), value: Buffer.from(''), headers: [] },
        ];
        await using producer = await client.producer({ compression: 'gzip' }, signal());
        await producer.send([{ topic, partition: 0, records }], signal());
        await using consumer = await client.consumer(consumerOptions([topic], null), signal());
        const partition = await new Assignments(consumer, signal()).next();
        const got = await pollAll(partition, 3, signal());
        expect(got[0]).toMatchObject({ topic, partition: 0, offset: 0, timestamp: 1_234_567 });
        const plain = got.map(({ key, value, headers }) => ({
          key: key === null ? null : [...key],
          value: value === null ? null : [...value],
          headers: headers.map((header) => [header.name, [...header.value]]),
        }));
        expect(plain).toEqual([
          {
            key: [0, 1, 255],
            value: [...Buffer.from('value')],
            headers: [
              ['a', [49]],
              ['a', [255, 0]],
              ['b', []],
            ],
          },
          { key: null, value: null, headers: [] },
          { key: [], value: [], headers: [] },
        ]);
      });

      test('calls at the same time keep the order of the calls in each partition', async () => {
        const topic = await freshTopic(client, 2);
        await using producer = await client.producer({ compression: 'none' }, signal());
        const calls = Array.from({ length: 500 }, (_, index) =>
          producer.send([{ topic, partition: index % 2, records: [textRecord(`${index}`)] }], signal()),
        );
        await Promise.all(calls);
        await using consumer = await client.consumer(consumerOptions([topic], null), signal());
        for (const partition of await new Assignments(consumer, signal()).take(2)) {
          const expected = Array.from({ length: 250 }, (_, index) => `${index * 2 + partition.partition}`);
          expect(texts(await pollAll(partition, 250, signal()))).toEqual(expected);
        }
      });

      test('many sends that wait by one signal are one listener of it, and an abort ends them all', async () => {
        const topic = await freshTopic(client, 1);
        await using producer = await client.producer({ compression: 'none' }, signal());
        const stop = new AbortController();
        const send = (): Promise<void> =>
          producer.send([{ topic, partition: 0, records: [textRecord('x')] }], stop.signal);
        await Promise.all(Array.from({ length: 1_000 }, send));
        expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
        const waiting = Array.from({ length: 1_000 }, send);
        expect(getEventListeners(stop.signal, 'abort').length).toBeLessThanOrEqual(1);
        stop.abort(new Error('enough'));
        const ends = await Promise.allSettled(waiting);
        expect(ends.every((end) => end.status === 'rejected' && end.reason === stop.signal.reason)).toBe(true);
      });

      test('calls of very many small records keep their order and are written once', async () => {
        const topic = await freshTopic(client, 2);
        await using producer = await client.producer({ compression: 'none' }, signal());
        const each = 20_000;
        const calls = Array.from({ length: 4 }, (_, call) =>
          producer.send(
            [0, 1].map((partition) => ({
              topic,
              partition,
              records: Array.from({ length: each }, (_, index) => textRecord(`${call * each + index}`)),
            })),
            signal(),
          ),
        );
        await Promise.all(calls);
        await using consumer = await client.consumer(consumerOptions([topic], null), signal());
        const expected = Array.from({ length: 4 * each }, (_, index) => `${index}`);
        for (const partition of await new Assignments(consumer, signal()).take(2)) {
          expect(texts(await pollAll(partition, 4 * each, signal()))).toEqual(expected);
        }
      });

      test('a record that is too large is refused by name, and the producer lives on', async () => {
        const topic = await freshTopic(client, 1);
        await using producer = await client.producer({ compression: 'none' }, signal());
        const large = { key: null, value: Buffer.alloc(2_000_000, 1), headers: [] };
        const sent = producer.send([{ topic, partition: 0, records: [large] }], signal());
        await expect(sent).rejects.toMatchObject({ code: 'KAFKA_RECORD_TOO_LARGE' });
        await producer.send([{ topic, partition: 0, records: [textRecord('small')] }], signal());
        expect(await client.topics.ranges(topic)).toEqual([{ start: 0, end: 1, high: 1 }]);
      });

      test('after a refused call nothing of a later call is taken for a repetition', async () => {
        const topic = await freshTopic(client, 2);
        await using producer = await client.producer({ compression: 'none' }, signal());
        const large = { key: null, value: Buffer.alloc(2_000_000, 1), headers: [] };
        const mixed: readonly PartitionRecords[] = [
          { topic, partition: 0, records: [textRecord('first')] },
          { topic, partition: 1, records: [large] },
        ];
        await expect(producer.send(mixed, signal())).rejects.toMatchObject({ code: 'KAFKA_RECORD_TOO_LARGE' });
        await producer.send([{ topic, partition: 0, records: [textRecord('second')] }], signal());
        // With a leader of its own the first one may have been written, before the second in any case.
        const { end } = (await client.topics.ranges(topic))[0]!;
        await using consumer = await client.consumer(consumerOptions([topic], null), signal());
        for await (const partition of consumer.assignments(signal())) {
          if (partition.partition !== 0) continue;
          const written = texts(await pollAll(partition, end, signal()));
          expect([['second'], ['first', 'second']]).toContainEqual(written);
          break;
        }
      });

      test('a topic that is not there is named soon', async () => {
        await using producer = await client.producer({ compression: 'none' }, signal());
        const sent = producer.send(
          [{ topic: freshName('absent'), partition: 0, records: [textRecord('x')] }],
          signal(),
        );
        await expect(sent).rejects.toMatchObject({ code: 'KAFKA_TOPIC_MISSING' });
      }, 15_000);
    });

    describe('consumer', () => {
      test('reading begins where the group has committed, and seek begins elsewhere', async () => {
        const topic = await freshTopic(client, 1);
        const group = freshName('group');
        await write(client, topic, 0, ['a', 'b', 'c', 'd']);
        {
          await using consumer = await client.consumer(consumerOptions([topic], group), signal());
          const partition = await new Assignments(consumer, signal()).next();
          expect(partition.start).toBe(0);
          expect(partition.lag).toBeNull();
          expect(texts(await pollAll(partition, 4, signal()))).toEqual(['a', 'b', 'c', 'd']);
          expect(partition.position).toBe(4);
          expect(partition.lag).toBe(0);
          await partition.commit(2);
          expect(await client.topics.committed(group, topic)).toEqual([2]);
          expect(await client.topics.members(group)).toBe(1);
          await partition[Symbol.asyncDispose]();
        }
        expect(await client.topics.members(group)).toBe(0);
        {
          await using consumer = await client.consumer(consumerOptions([topic], group), signal());
          const partition = await new Assignments(consumer, signal()).next();
          expect(partition.start).toBe(2);
          expect(partition.position).toBe(2);
          expect(texts(await pollAll(partition, 2, signal()))).toEqual(['c', 'd']);
          await partition[Symbol.asyncDispose]();
        }
        {
          await using consumer = await client.consumer(consumerOptions([topic], group), signal());
          const partition = await new Assignments(consumer, signal()).next();
          partition.seek(1);
          expect(texts(await pollAll(partition, 3, signal()))).toEqual(['b', 'c', 'd']);
          await partition[Symbol.asyncDispose]();
        }
        await client.topics.removeGroups([group]);
        expect(await client.topics.committed(group, topic)).toEqual([null]);
      });

      test('a group that has committed nothing begins at the end when it is told so', async () => {
        const topic = await freshTopic(client, 1);
        await write(client, topic, 0, ['a', 'b']);
        const options = consumerOptions([topic], freshName('group'), { from: 'latest' });
        await using consumer = await client.consumer(options, signal());
        const partition = await new Assignments(consumer, signal()).next();
        expect(partition.start).toBe(2);
        await write(client, topic, 0, ['c']);
        expect(texts(await pollAll(partition, 1, signal()))).toEqual(['c']);
      });

      test('an offset that the topic does not have gives way to the earliest one', async () => {
        const topic = await freshTopic(client, 1);
        const group = freshName('group');
        await write(client, topic, 0, ['a', 'b']);
        {
          await using consumer = await client.consumer(consumerOptions([topic], group), signal());
          const partition = await new Assignments(consumer, signal()).next();
          await pollAll(partition, 2, signal());
          await partition.commit(1_000);
          await partition[Symbol.asyncDispose]();
        }
        await using consumer = await client.consumer(consumerOptions([topic], group), signal());
        const partition = await new Assignments(consumer, signal()).next();
        expect(partition.start).toBe(0);
        expect(texts(await pollAll(partition, 2, signal()))).toEqual(['a', 'b']);
      });

      test('poll gives at most the bytes asked for, and a single larger record alone', async () => {
        const topic = await freshTopic(client, 1);
        await write(client, topic, 0, ['aaaa', 'bbbb', 'cccccccccccc', 'd']);
        await using consumer = await client.consumer(consumerOptions([topic], null), signal());
        const partition = await new Assignments(consumer, signal()).next();
        expect(texts(await partition.poll(8, signal()))).toEqual(['aaaa', 'bbbb']);
        expect(texts(await partition.poll(8, signal()))).toEqual(['cccccccccccc']);
        expect(texts(await partition.poll(8, signal()))).toEqual(['d']);
        expect(await partition.poll(8, signal(), 50)).toEqual([]);
        const stop = new AbortController();
        const waiting = partition.poll(8, stop.signal);
        stop.abort(new Error('enough'));
        await expect(waiting).rejects.toThrow('enough');
        const next = partition.poll(8, signal());
        await write(client, topic, 0, ['e']);
        expect(texts(await next)).toEqual(['e']);
      });

      test('what is not polled is not fetched beyond the buffer, and comes when it is polled', async () => {
        const topic = await freshTopic(client, 1);
        const value = 'x'.repeat(10_000);
        for (let block = 0; block < 20; block += 1) await write(client, topic, 0, Array(50).fill(value));
        const bufferBytes = 400_000;
        await using consumer = await client.consumer(consumerOptions([topic], null, { bufferBytes }), signal());
        const partition = await new Assignments(consumer, signal()).next();
        expect(await partition.poll(1, signal())).toHaveLength(1);
        // Fetching stops by itself: with everything fetched the lag would become 0.
        await expect.poll(() => consumer.paused, { timeout: 10_000 }).toBe(1);
        expect((1_000 - partition.lag!) * value.length).toBeLessThan(4 * bufferBytes);
        expect(partition.waitingSince).not.toBeNull();
        expect(await pollAll(partition, 999, signal())).toHaveLength(999);
        expect(partition.lag).toBe(0);
        expect(partition.waitingSince).toBeNull();
      });

      test('without a group every partition is read, and nothing is committed', async () => {
        const topic = await freshTopic(client, 4);
        for (let partition = 0; partition < 4; partition += 1) await write(client, topic, partition, [`${partition}`]);
        await using one = await client.consumer(consumerOptions([topic], null), signal());
        await using other = await client.consumer(consumerOptions([topic], null), signal());
        for (const consumer of [one, other]) {
          const partitions = await new Assignments(consumer, signal()).take(4);
          expect(partitions.map(({ partition }) => partition).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
          for (const each of partitions) {
            expect(texts(await pollAll(each, 1, signal()))).toEqual([`${each.partition}`]);
            await each.commit(1);
          }
        }
      });

      test('topics are found by a pattern, later ones too', async () => {
        const prefix = freshName('pattern');
        const make = (name: string) =>
          client.topics.create({ name: `${prefix}-${name}`, partitions: 1, replicationFactor: null, config: {} });
        await make('a');
        const options = consumerOptions(new RegExp(`^${prefix}-`), freshName('group'));
        await using consumer = await client.consumer(options, signal());
        const assignments = new Assignments(consumer, signal());
        const first = await assignments.next();
        expect(first.topic).toBe(`${prefix}-a`);
        await make('b');
        await aborted(first.revoked);
        await first[Symbol.asyncDispose]();
        const both = await assignments.take(2);
        expect(both.map(({ topic }) => topic).toSorted()).toEqual([`${prefix}-a`, `${prefix}-b`]);
      });

      test('a topic that is not there is named, and so is one that is removed meanwhile', async () => {
        const absent = client.consumer(consumerOptions([freshName('absent')], freshName('group')), signal());
        await expect(absent).rejects.toMatchObject({ code: 'KAFKA_TOPIC_MISSING' });
        const topic = await freshTopic(client, 1);
        await using consumer = await client.consumer(consumerOptions([topic], freshName('group')), signal());
        const assignments = new Assignments(consumer, signal());
        const partition = await assignments.next();
        const waiting = expect(partition.poll(1, signal())).rejects.toBeDefined();
        await client.topics.remove([topic]);
        await waiting;
        await partition[Symbol.asyncDispose]();
        await expect(assignments.next()).rejects.toMatchObject({ code: 'KAFKA_TOPIC_MISSING' });
      }, 30_000);
    });

    describe('group', () => {
      test('members share the partitions, and work under way is finished and committed before it changes hands', async () => {
        const topic = await freshTopic(client, 4);
        const group = freshName('group');
        for (let partition = 0; partition < 4; partition += 1) await write(client, topic, partition, ['a', 'b', 'c']);
        const options = consumerOptions([topic], group, { drainMs: 5_000 });
        await using one = await client.consumer(options, signal());
        const ofOne = new Assignments(one, signal());
        const held = await ofOne.take(4);
        for (const each of held) await pollAll(each, 3, signal());

        await using other = await client.consumer(options, signal());
        const ofOther = new Assignments(other, signal());
        const given = ofOther.take(2);
        await Promise.all(held.map((each) => aborted(each.revoked)));
        for (const each of held) {
          await expect(each.poll(1, signal())).rejects.toBeDefined();
          await each.commit(2);
        }
        // The last one is let go only now; until then the other member has got nothing.
        for (const each of held.slice(0, 3)) await each[Symbol.asyncDispose]();
        const early = await Promise.race([given.then(() => 'given'), held[3]!.commit(3).then(() => 'still held')]);
        expect(early).toBe('still held');
        expect(held.some((each) => each.lost.aborted)).toBe(false);
        await held[3]![Symbol.asyncDispose]();

        const all = [...(await given), ...(await ofOne.take(2))];
        const byPartition = all.toSorted((a, b) => a.partition - b.partition);
        expect(byPartition.map(({ partition, start }) => [partition, start])).toEqual(
          Array.from({ length: 4 }, (_, partition) => [partition, partition === held[3]!.partition ? 3 : 2]),
        );
        expect(one.rebalances).toBeGreaterThanOrEqual(1);
        for (const each of all) await each[Symbol.asyncDispose]();
      });

      test('a holder that does not let go loses the partition after the deadline, and can commit no more', async () => {
        const topic = await freshTopic(client, 2);
        const group = freshName('group');
        const options = consumerOptions([topic], group, { drainMs: 1_000 });
        await using one = await client.consumer(options, signal());
        const held = await new Assignments(one, signal()).take(2);
        await using other = await client.consumer(options, signal());
        const taken = await new Assignments(other, signal()).next();
        const former = held.find(({ partition }) => partition === taken.partition)!;
        expect(former.revoked.aborted).toBe(true);
        expect(former.lost.aborted).toBe(true);
        await expect(former.commit(0)).rejects.toMatchObject({ code: 'KAFKA_FENCED' });
        for (const each of held) await each[Symbol.asyncDispose]();
      });

      test('a member that closes hands over at once, without a session timeout', async () => {
        const topic = await freshTopic(client, 1);
        const options = consumerOptions([topic], freshName('group'), { sessionTimeoutMs: 45_000 });
        const one = await client.consumer(options, signal());
        const held = await new Assignments(one, signal()).next();
        await using other = await client.consumer(options, signal());
        const next = new Assignments(other, signal()).next();
        // A second member makes one rebalance more; who holds the partition then closes.
        await aborted(held.revoked);
        await held[Symbol.asyncDispose]();
        await one.close();
        expect((await next).partition).toBe(0);
      }, 20_000);

      test('a member that closes while it joins is no member any more', async () => {
        const topic = await freshTopic(client, 1);
        const group = freshName('group');
        await using first = await client.consumer(consumerOptions([topic], group), signal());
        const partition = await new Assignments(first, signal()).next();
        const second = await client.consumer(consumerOptions([topic], group), signal());
        // It cannot have joined while the first has not let go.
        while ((await client.topics.members(group)) < 2) signal().throwIfAborted();
        const closed = second.close();
        await aborted(partition.revoked);
        await partition[Symbol.asyncDispose]();
        await closed;
        expect(await client.topics.members(group)).toBe(1);
      });

      test('close waits for the holders, and takes the partitions from those that do not let go', async () => {
        const topic = await freshTopic(client, 2);
        const group = freshName('group');
        await write(client, topic, 0, ['a']);
        const consumer = await client.consumer(consumerOptions([topic], group, { drainMs: 1_000 }), signal());
        const held = await new Assignments(consumer, signal()).take(2);
        const zero = held.find(({ partition }) => partition === 0)!;
        await pollAll(zero, 1, signal());
        const closed = consumer.close();
        await aborted(zero.revoked);
        await zero.commit(1);
        await zero[Symbol.asyncDispose]();
        await closed;
        expect(zero.lost.aborted).toBe(false);
        expect(held.find(({ partition }) => partition === 1)!.lost.aborted).toBe(true);
        expect(await client.topics.committed(group, topic)).toEqual([1, null]);
      });

      test('a holder that is stuck makes its member leave', async () => {
        const topic = await freshTopic(client, 1);
        await write(client, topic, 0, ['a', 'b']);
        const options = consumerOptions([topic], freshName('group'), { stuckMs: 1_000, drainMs: 500 });
        await using consumer = await client.consumer(options, signal());
        const assignments = new Assignments(consumer, signal());
        const partition = await assignments.next();
        await partition.poll(1, signal());
        await expect(assignments.next()).rejects.toMatchObject({ code: 'KAFKA_FAULT' });
        expect(partition.lost.aborted).toBe(true);
        await expect(partition.commit(1)).rejects.toMatchObject({ code: 'KAFKA_FENCED' });
      }, 20_000);
    });

    describe('transactions', () => {
      test('records and offsets are there together', async () => {
        const [input, output] = [await freshTopic(client, 1), await freshTopic(client, 2)];
        const group = freshName('group');
        const options = { transactionalId: freshName('id'), timeoutMs: 10_000, compression: 'none' } as const;
        await using producer = await client.transactionalProducer(options, signal());
        for (let round = 1; round <= 3; round += 1) {
          await producer.commit(
            [
              { topic: output, partition: 0, records: [textRecord(`a${round}`)] },
              { topic: output, partition: 1, records: [textRecord(`b${round}`)] },
            ],
            [{ group, offsets: [{ topic: input, partition: 0, offset: round }] }],
            signal(),
          );
        }
        await producer.commit([], [{ group, offsets: [{ topic: input, partition: 0, offset: 9 }] }], signal());
        expect(await client.topics.committed(group, input)).toEqual([9]);
        await using consumer = await client.consumer(consumerOptions([output], null), signal());
        for (const each of await new Assignments(consumer, signal()).take(2)) {
          const letter = each.partition === 0 ? 'a' : 'b';
          expect(texts(await pollAll(each, 3, signal()))).toEqual([`${letter}1`, `${letter}2`, `${letter}3`]);
        }
      });

      test('a transaction that fails is not there for those who read committed records', async () => {
        const [input, output] = [await freshTopic(client, 1), await freshTopic(client, 2)];
        const group = freshName('group');
        const options = { transactionalId: freshName('id'), timeoutMs: 10_000, compression: 'none' } as const;
        const large = { key: null, value: Buffer.alloc(2_000_000, 1), headers: [] };
        {
          await using producer = await client.transactionalProducer(options, signal());
          const failed = producer.commit(
            [
              { topic: output, partition: 0, records: [textRecord('aborted')] },
              { topic: output, partition: 1, records: [large] },
            ],
            [{ group, offsets: [{ topic: input, partition: 0, offset: 1 }] }],
            signal(),
          );
          await expect(failed).rejects.toMatchObject({ code: 'KAFKA_RECORD_TOO_LARGE' });
        }
        await using producer = await client.transactionalProducer(options, signal());
        await producer.commit([{ topic: output, partition: 0, records: [textRecord('committed')] }], [], signal());
        expect(await client.topics.committed(group, input)).toEqual([null]);
        await using consumer = await client.consumer(consumerOptions([output], null), signal());
        const partitions = await new Assignments(consumer, signal()).take(2);
        const zero = partitions.find(({ partition }) => partition === 0)!;
        expect(texts(await pollAll(zero, 1, signal()))).toEqual(['committed']);
      });

      test('who takes over a transactional id finds the offset that stands, however the last transaction ended', async () => {
        const [input, output] = [await freshTopic(client, 1), await freshTopic(client, 2)];
        const group = freshName('group');
        const options = { transactionalId: freshName('id'), timeoutMs: 10_000, compression: 'none' } as const;
        const places = [0, 1].map((partition) => ({ topic: output, partition }));
        const next = async (records: readonly ProducerRecord[], offset: number): Promise<number | null> => {
          await using producer = await client.transactionalProducer(options, signal());
          const stands = await producer.settled(group, { topic: input, partition: 0 }, async () => places, signal());
          const offsets = [{ topic: input, partition: 0, offset }];
          const batches = places.map((place) => ({ ...place, records }));
          await producer.commit(batches, [{ group, offsets }], signal()).catch((error: unknown) => {
            expect(error).toMatchObject({ code: 'KAFKA_RECORD_TOO_LARGE' });
          });
          return stands;
        };
        const large = { key: null, value: Buffer.alloc(2_000_000, 1), headers: [] };
        expect(await next([textRecord('a')], 1)).toBe(null);
        expect(await next([large], 2)).toBe(1);
        expect(await next([textRecord('b')], 2)).toBe(1);
        expect(await next([textRecord('c')], 3)).toBe(2);
        await using consumer = await client.consumer(consumerOptions([output], null), signal());
        for (const each of await new Assignments(consumer, signal()).take(2))
          expect(texts(await pollAll(each, 3, signal()))).toEqual(['a', 'b', 'c']);
      });

      test('who takes over a transactional id fences its former holder', async () => {
        const topic = await freshTopic(client, 1);
        const options = { transactionalId: freshName('id'), timeoutMs: 10_000, compression: 'none' } as const;
        await using former = await client.transactionalProducer(options, signal());
        await former.commit([{ topic, partition: 0, records: [textRecord('former')] }], [], signal());
        await using present = await client.transactionalProducer(options, signal());
        const fenced = former.commit([{ topic, partition: 0, records: [textRecord('zombie')] }], [], signal());
        await expect(fenced).rejects.toMatchObject({ code: 'KAFKA_FENCED' });
        const still = former.commit([{ topic, partition: 0, records: [textRecord('zombie')] }], [], signal());
        await expect(still).rejects.toMatchObject({ code: 'KAFKA_FENCED' });
        await present.commit([{ topic, partition: 0, records: [textRecord('present')] }], [], signal());
        await using consumer = await client.consumer(consumerOptions([topic], null), signal());
        const partition = await new Assignments(consumer, signal()).next();
        expect(texts(await pollAll(partition, 2, signal()))).toEqual(['former', 'present']);
      });
    });

    test('a broker that is not there is said to be unreachable', async () => {
      await using lost = create(plainConnection(['127.0.0.1:1'], { retryMs: 1_000 }));
      await expect(lost.topics.list()).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE', retryable: true });
      const producer = lost.producer({ compression: 'none' }, signal());
      await expect(producer).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
      const consumer = lost.consumer(consumerOptions(['any'], 'any'), signal());
      await expect(consumer).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
    }, 30_000);
  });
}
