import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { createKafkajsClient } from '../../../src/links/kafka/clients/kafkajs/client.ts';
import { loadLibrary } from '../../../src/links/kafka/clients/platformatic/library.ts';
import { PlatformaticClient } from '../../../src/links/kafka/clients/platformatic/platformatic-client.ts';
import { isWhole } from '../../support/effort.ts';
import { kafkaService } from '../../support/services/kafka.ts';
import { describeAborts } from './client-aborts.ts';
import { describeAccess } from './client-access.ts';
import { describeClient } from './client-behaviours.ts';
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
} from './client-harness.ts';
import { describeOutages } from './client-outages.ts';

const library = await loadLibrary();
const create: CreateKafkaClient = (connection) => new PlatformaticClient(library, connection, systemClock);
let brokers: readonly string[] = [];

beforeAll(async () => {
  brokers = (await kafkaService()).brokers;
});

describeClient('platformatic', create, () => brokers);
describeAborts('platformatic', create, () => brokers);
// They take most of a minute; those of kafkajs, which is the default, are in every run.
if (isWhole) describeOutages('platformatic', create);
describeAccess('platformatic', create);

describe('platformatic: what the port leaves to the library', () => {
  let client: PlatformaticClient;
  const signal = (): AbortSignal => AbortSignal.timeout(30_000);

  beforeAll(() => {
    client = new PlatformaticClient(library, plainConnection(brokers), systemClock);
  });
  afterAll(() => client.close());

  test.each(['gzip', 'zstd', 'snappy', 'lz4'] as const)('%s is understood by the broker and by us', async (codec) => {
    // The broker writes this topic without compression, so that it has to read ours.
    const plain = freshName('plain');
    await client.topics.create({
      name: plain,
      partitions: 1,
      replicationFactor: 1,
      config: { 'compression.type': 'uncompressed' },
    });
    const kept = await freshTopic(client, 1);
    const values = Array.from({ length: 2_000 }, (_, index) => `value ${index}`);
    await using producer = await client.producer({ compression: codec }, signal());
    for (const topic of [plain, kept]) {
      await producer.send([{ topic, partition: 0, records: values.map(textRecord) }], signal());
      await using consumer = await client.consumer(consumerOptions([topic], null), signal());
      await using partition = await new Assignments(consumer, signal()).next();
      expect(texts(await pollAll(partition, values.length, signal()))).toEqual(values);
    }
  });

  test('aborted records are left out where transactions interleave in one partition', async () => {
    const topic = await freshTopic(client, 1);
    const large = await freshTopic(client, 1);
    const options = { timeoutMs: 10_000, compression: 'none' } as const;
    await using one = await client.transactionalProducer({ ...options, transactionalId: freshName('id') }, signal());
    await using other = await client.transactionalProducer({ ...options, transactionalId: freshName('id') }, signal());
    const refused = { key: null, value: Buffer.alloc(2_000_000, 1), headers: [] };
    const fail = (producer: typeof one, text: string): Promise<unknown> =>
      expect(
        producer.commit(
          [
            // A key of four zero bytes looks like an abort marker's.
            { topic, partition: 0, records: [{ ...textRecord(text), key: Buffer.alloc(4) }] },
            { topic: large, partition: 0, records: [refused] },
          ],
          [],
          signal(),
        ),
      ).rejects.toMatchObject({ code: 'KAFKA_RECORD_TOO_LARGE' });
    const succeed = (producer: typeof one, text: string): Promise<void> =>
      producer.commit([{ topic, partition: 0, records: [textRecord(text)] }], [], signal());
    const expected: string[] = [];
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([fail(one, `aborted ${round}`), fail(other, `aborted ${round}`)]);
      await Promise.all([fail(one, `aborted again ${round}`), succeed(other, `committed ${round}`)]);
      expected.push(`committed ${round}`);
    }
    await using consumer = await client.consumer(consumerOptions([topic], null), signal());
    await using partition = await new Assignments(consumer, signal()).next();
    expect(texts(await pollAll(partition, expected.length, signal()))).toEqual(expected);
    // Nothing comes behind it, not even what was written as aborted.
    expect(await partition.poll(1 << 20, signal(), 300)).toEqual([]);
    expect(partition.lag).toBe(0);
  });

  test('a member may share its group with one of the kafkajs client', async () => {
    await using foreign = createKafkajsClient(plainConnection(brokers), {});
    const topic = await freshTopic(client, 4);
    const options = consumerOptions([topic], freshName('group'));
    await using ours = await client.consumer(options, signal());
    const ofOurs = new Assignments(ours, signal());
    const all = await ofOurs.take(4);
    await using theirs = await foreign.consumer(options, signal());
    const ofTheirs = new Assignments(theirs, signal());
    await Promise.all(all.map((each) => aborted(each.revoked)));
    for (const each of all) await each[Symbol.asyncDispose]();
    const shared = [...(await ofOurs.take(2)), ...(await ofTheirs.take(2))];
    expect(shared.map(({ partition }) => partition).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    for (const each of shared) await each[Symbol.asyncDispose]();
  });
});
