import { systemClock } from '../../src/core/clock.ts';
import type { KafkaClient } from '../../src/links/kafka/client.ts';
import { createKafkajsClient } from '../../src/links/kafka/clients/kafkajs/client.ts';
import { createPlatformaticClient } from '../../src/links/kafka/clients/platformatic/client.ts';
import { createBlockLinkReader } from '../../src/links/kafka/job/block-reader.ts';
import { createBlockWriter } from '../../src/links/kafka/job/block-writer.ts';
import type { KafkaConnection } from '../../src/links/kafka/settings.ts';
import { labelledBlocks as form, type Labelled } from '../support/labelled-blocks.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';
import { type LinkUnderTest, type LinkWish, linkBehaviours } from '../unit/links/link-behaviours.ts';
import { consumerOptions } from './kafka-clients/client-harness.ts';

const never = new AbortController().signal;
let made = 0;

type Connect = (connection: KafkaConnection) => Promise<KafkaClient>;

/** A link of a job's own over a real broker. */
async function make(connect: Connect, wish: LinkWish): Promise<LinkUnderTest<Labelled>> {
  const { brokers } = await kafkaService();
  const shared = {
    clientId: 'links',
    rack: null,
    tls: null,
    sasl: null,
    compression: 'none',
    retryMs: 30_000,
  } as const;
  const connected = (): Promise<KafkaClient> => connect({ brokers, ...shared });
  made += 1;
  const topic = `links-${process.pid}-${made}`;
  const owner = await connected();
  await owner.topics.create({ name: topic, partitions: wish.partitions, replicationFactor: 1, config: {} });
  return {
    open: async () => {
      const client = await connected();
      const producer = await client.producer({ compression: 'none' }, never);
      const consumer = await client.consumer(consumerOptions([topic], `${topic}-readers`, { drainMs: 500 }), never);
      return {
        partitions: wish.partitions,
        writer: createBlockWriter({ ...wish, producer, topic, form }),
        reader: createBlockLinkReader({ consumer, partitions: wish.partitions, form, clock: systemClock }),
        [Symbol.asyncDispose]: () => client.close(),
      };
    },
    value: (label, bytes) => ({ label, bytes }),
    label: ({ label }) => label,
    settle: () => new Promise((resolve) => setTimeout(resolve, 100)),
    [Symbol.asyncDispose]: async () => {
      await owner.topics.remove([topic]);
      await owner.close();
    },
  };
}

const can = { lasting: true, bounded: false };
needs('kafka')('on a real broker', () => {
  const kafkajs: Connect = async (connection) => createKafkajsClient(connection, { clock: systemClock });
  const platformatic: Connect = (connection) => createPlatformaticClient(connection, { clock: systemClock });
  linkBehaviours('kafka by kafkajs', (wish) => make(kafkajs, wish), can, 4);
  linkBehaviours('kafka by platformatic', (wish) => make(platformatic, wish), can, 4);
});
