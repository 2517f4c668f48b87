import { setImmediate } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { KafkaClient, KafkaCompression, TransactionalProducer } from '../../../src/links/kafka/client.ts';
import { Brokers } from '../../../src/links/kafka/clients/kafkajs/brokers.ts';
import { createKafkajsClient } from '../../../src/links/kafka/clients/kafkajs/client.ts';
import { writingCodec } from '../../../src/links/kafka/clients/kafkajs/codecs.ts';
import { createErrorFromCode } from '../../../src/links/kafka/clients/kafkajs/library.ts';
import { KafkajsWire } from '../../../src/links/kafka/clients/kafkajs/producer-wire.ts';
import { TransactionWriter } from '../../../src/links/kafka/clients/protocol/transactional-producer.ts';
import { holdTransactionally } from '../../../src/links/kafka/live/writer-transactional-hold.ts';
import { plainKafka } from '../../support/plain-kafka.ts';
import { kafkaService } from '../../support/services/kafka.ts';
import { describeAborts } from './client-aborts.ts';
import { describeClient } from './client-behaviours.ts';
import {
  Assignments,
  aborted,
  consumerOptions,
  freshName,
  freshTopic,
  plainConnection,
  pollAll,
  textRecord,
  texts,
  write,
} from './client-harness.ts';

const { brokers } = await kafkaService();

describeClient('kafkajs', createKafkajsClient, () => brokers);
describeAborts('kafkajs', createKafkajsClient, () => brokers);

const unknownServerError = -1;

describe('kafkajs: what only its adapter has', () => {
  const signal = (): AbortSignal => AbortSignal.timeout(30_000);

  /** Removes the records of partition 0 below an offset, as retention does. */
  async function trim(topic: string, offset: number): Promise<void> {
    const admin = plainKafka(brokers).admin();
    await admin.connect();
    // It knows of no topic that it was not asked for before.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: `${offset}` }] });
    await admin.disconnect();
  }

  test('a committed offset that was trimmed away gives way to the earliest one', async () => {
    await using client = createKafkajsClient(plainConnection(brokers));
    const [topic, group] = [await freshTopic(client, 1), freshName('group')];
    await write(client, topic, 0, ['a', 'b', 'c', 'd']);
    {
      await using consumer = await client.consumer(consumerOptions([topic], group), signal());
      await using partition = await new Assignments(consumer, signal()).next();
      await pollAll(partition, 1, signal());
      await partition.commit(1);
    }
    await trim(topic, 3);
    const options = consumerOptions([topic], group, { from: 'latest' });
    await using consumer = await client.consumer(options, signal());
    await using partition = await new Assignments(consumer, signal()).next();
    expect(partition.start).toBe(3);
    expect(texts(await pollAll(partition, 1, signal()))).toEqual(['d']);
  });

  test('records that are trimmed away while they are waited for are passed over', async () => {
    await using client = createKafkajsClient(plainConnection(brokers));
    const topic = await freshTopic(client, 1);
    const values = Array.from({ length: 400 }, (_, index) => `${index} `.padEnd(10_000, 'x'));
    for (let from = 0; from < 400; from += 40) await write(client, topic, 0, values.slice(from, from + 40));
    const options = consumerOptions([topic], freshName('group'), { bufferBytes: 300_000, from: 'latest' });
    await using consumer = await client.consumer(options, signal());
    await using partition = await new Assignments(consumer, signal()).next();
    partition.seek(0);
    await partition.poll(1, signal());
    await expect.poll(() => consumer.paused).toBe(1);
    await trim(topic, 390);
    const offsets: number[] = [];
    while (offsets.at(-1) !== 399) {
      offsets.push(...(await partition.poll(100_000, signal())).map(({ offset }) => offset));
    }
    expect(offsets.slice(-10)).toEqual(Array.from({ length: 10 }, (_, index) => 390 + index));
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
  });

  test('a commit whose answer never comes is unreachable, not fenced, and is not done twice by the next holder', async () => {
    const connection = plainConnection(brokers, { retryMs: 300 });
    await using client = createKafkajsClient(connection);
    const [input, output] = [await freshTopic(client, 1), await freshTopic(client, 1)];
    const [group, transactionalId] = [freshName('group'), freshName('id')];
    const options = { transactionalId, timeoutMs: 10_000, compression: 'none' } as const;
    const wire = new KafkajsWire(new Brokers(connection, systemClock));
    const commit = wire.commit.bind(wire);
    let deaf = true;
    wire.commit = async (of) => {
      await commit(of);
      if (deaf) throw new kafkajs.KafkaJSConnectionError('Closed connection');
    };
    const producers: TransactionalProducer[] = [];
    const deafFirst: KafkaClient = {
      ...client,
      transactionalProducer: async (asked, until) => {
        const first = new TransactionWriter(wire, writingCodec('none'), asked, () => undefined);
        if (producers.length === 0) await first.connect(until);
        producers.push(producers.length === 0 ? first : await client.transactionalProducer(asked, until));
        return producers.at(-1)!;
      },
    };
    const place = { topic: input, partition: 0 };
    const topics = [output];
    const hold = await holdTransactionally({ client: deafFirst, group, place, topics, ...options }, 0, signal());
    const write = (): Promise<void> =>
      hold.commit([{ topic: output, partition: 0, records: [textRecord('once')] }], 0, 1, signal());
    await expect(write()).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE', retryable: true });
    await expect(producers[0]!.commit([], [], signal())).rejects.toMatchObject({ code: 'KAFKA_FENCED' });
    deaf = false;
    await write();
    await hold.commit([{ topic: output, partition: 0, records: [textRecord('then')] }], 1, 2, signal());
    await hold.close();
    expect(producers).toHaveLength(2);
    await using consumer = await client.consumer(consumerOptions([output], null), signal());
    await using partition = await new Assignments(consumer, signal()).next();
    expect(texts(await pollAll(partition, 2, signal()))).toEqual(['once', 'then']);
  });

  test('a commit that the broker stumbles over is asked for again', async () => {
    const connection = plainConnection(brokers);
    await using client = createKafkajsClient(connection);
    const topic = await freshTopic(client, 1);
    const wire = new KafkajsWire(new Brokers(connection, systemClock));
    const commit = wire.commit.bind(wire);
    let stumbles = 1;
    wire.commit = async (of) => {
      if (stumbles-- > 0) throw createErrorFromCode(unknownServerError);
      await commit(of);
    };
    const options = { transactionalId: freshName('id'), timeoutMs: 10_000, compression: 'none' } as const;
    await using producer = new TransactionWriter(wire, writingCodec('none'), options, () => undefined);
    await producer.connect(signal());
    for (const text of ['a', 'b'])
      await producer.commit([{ topic, partition: 0, records: [textRecord(text)] }], [], signal());
    await using consumer = await client.consumer(consumerOptions([topic], null), signal());
    const partition = await new Assignments(consumer, signal()).next();
    expect(texts(await pollAll(partition, 2, signal()))).toEqual(['a', 'b']);
  });

  // Asked by the former holder for another epoch, the broker aborted the open transaction of its successor, which ended as fenced.
  test('a producer that was fenced does not disturb the transaction of its successor', async () => {
    const connection = plainConnection(brokers);
    await using client = createKafkajsClient(connection);
    const topic = await freshTopic(client, 1);
    const options = { transactionalId: freshName('id'), timeoutMs: 10_000, compression: 'none' } as const;
    await using former = await client.transactionalProducer(options, signal());
    const append = (by: TransactionalProducer, text: string): Promise<void> =>
      by.commit([{ topic, partition: 0, records: [textRecord(text)] }], [], signal());
    await append(former, 'former');
    const wire = new KafkajsWire(new Brokers(connection, systemClock));
    await using present = new TransactionWriter(wire, writingCodec('none'), options, () => undefined);
    await present.connect(signal());
    const commit = wire.commit.bind(wire);
    wire.commit = async (of) => {
      await expect(append(former, 'zombie')).rejects.toMatchObject({ code: 'KAFKA_FENCED' });
      await commit(of);
    };
    await append(present, 'present');
    await append(present, 'and again');
    await using consumer = await client.consumer(consumerOptions([topic], null), signal());
    const partition = await new Assignments(consumer, signal()).next();
    expect(texts(await pollAll(partition, 3, signal()))).toEqual(['former', 'present', 'and again']);
  });

  test('a member shares its group with a consumer of kafkajs itself', async () => {
    await using client = createKafkajsClient(plainConnection(brokers));
    const topic = await freshTopic(client, 4);
    const options = consumerOptions([topic], freshName('group'));
    await using ours = await client.consumer(options, signal());
    const ofOurs = new Assignments(ours, signal());
    const all = await ofOurs.take(4);
    const theirs = plainKafka(brokers).consumer({ groupId: options.group ?? '', sessionTimeout: 6_000 });
    const joined = Promise.withResolvers<readonly number[]>();
    theirs.on(theirs.events.GROUP_JOIN, ({ payload }) => joined.resolve(payload.memberAssignment[topic] ?? []));
    await theirs.connect();
    await theirs.subscribe({ topic });
    await theirs.run({ eachMessage: async () => undefined });
    await Promise.all(all.map((each) => aborted(each.revoked)));
    for (const each of all) await each[Symbol.asyncDispose]();
    const shared = await ofOurs.take(2);
    const taken = [...(await joined.promise), ...shared.map(({ partition }) => partition)];
    expect(taken.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    for (const each of shared) await each[Symbol.asyncDispose]();
    await theirs.disconnect();
  });

  test('who reads without a group is in none', async () => {
    const clientId = freshName('reader');
    await using client = createKafkajsClient(plainConnection(brokers, { clientId }));
    const topic = await freshTopic(client, 1);
    await write(client, topic, 0, ['a']);
    await using consumer = await client.consumer(consumerOptions([topic], null), signal());
    await using partition = await new Assignments(consumer, signal()).next();
    expect(texts(await pollAll(partition, 1, signal()))).toEqual(['a']);
    const admin = plainKafka(brokers).admin();
    await admin.connect();
    const { groups } = await admin.listGroups();
    const described = await admin.describeGroups(groups.map(({ groupId }) => groupId));
    await admin.disconnect();
    const members = described.groups.flatMap((group) => group.members.map((member) => member.clientId));
    expect(members).not.toContain(clientId);
  });

  test('a broker is given to nobody before it is known which requests it has', async () => {
    const own = new Brokers(plainConnection(brokers), systemClock);
    const connected = new AbortController();
    const first = own.any().finally(() => connected.abort());
    const asking: Promise<object>[] = [];
    while (!connected.signal.aborted) {
      asking.push(own.any().then(({ versions }) => ({ ...versions })));
      await setImmediate();
    }
    for (const versions of await Promise.all(asking)) expect(versions).toHaveProperty('18');
    await first;
    await own.close();
  });

  test('an idle connection sets no timer of a negative time', async () => {
    const timers = vi.spyOn(globalThis, 'setTimeout');
    try {
      await using client = createKafkajsClient(plainConnection(brokers));
      const topic = await freshTopic(client, 1);
      await write(client, topic, 0, ['a']);
      await using consumer = await client.consumer(consumerOptions([topic], freshName('group')), signal());
      await using partition = await new Assignments(consumer, signal()).next();
      await pollAll(partition, 1, signal());
      expect(await partition.poll(1, signal(), 200)).toEqual([]);
      expect(timers.mock.calls.map(([, ms = 0]) => ms).filter((ms) => ms < 0)).toEqual([]);
      expect(timers.mock.calls.length).toBeGreaterThan(0);
    } finally {
      timers.mockRestore();
    }
  });

  test.for<KafkaCompression>(['gzip', 'zstd'])('%s is written and read', async (compression) => {
    await using client = createKafkajsClient(plainConnection(brokers));
    const topic = await freshTopic(client, 1);
    const value = 'many times the same '.repeat(10_000);
    await using producer = await client.producer({ compression }, signal());
    await producer.send([{ topic, partition: 0, records: [textRecord(value)] }], signal());
    await using consumer = await client.consumer(consumerOptions([topic], null), signal());
    await using partition = await new Assignments(consumer, signal()).next();
    expect(texts(await pollAll(partition, 1, signal()))).toEqual([value]);
  });

  test.for<[KafkaCompression, string]>([
    ['snappy', 'snappy'],
    ['lz4', 'lz4-napi'],
  ])('%s without its package names the package', async ([compression, name]) => {
    const installed = await import(name).then(
      () => true,
      () => false,
    );
    await using client = createKafkajsClient(plainConnection(brokers));
    const topic = await freshTopic(client, 1);
    await using producer = await client.producer({ compression }, signal());
    const sent = producer.send([{ topic, partition: 0, records: [textRecord('a')] }], signal());
    if (installed) await sent;
    else await expect(sent).rejects.toMatchObject({ code: 'KAFKA_FAULT', message: expect.stringContaining(name) });
  });
});
