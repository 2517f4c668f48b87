import { createBlockLinkReader } from '../../../src/links/kafka/job/block-reader.ts';
import { createBlockWriter } from '../../../src/links/kafka/job/block-writer.ts';
import { consumerOptions } from '../../integration/kafka-clients/client-harness.ts';
import { labelledBlocks as form, type Labelled } from '../../support/labelled-blocks.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { createMemoryKafka } from '../../support/memory-kafka/memory-kafka.ts';
import { type LinkUnderTest, type LinkWish, linkBehaviours } from './link-behaviours.ts';

const never = new AbortController().signal;

/** A link of a job's own over a memory Kafka, whose time passes only when nothing else goes on. */
async function make(wish: LinkWish): Promise<LinkUnderTest<Labelled>> {
  const clock = new ManualClock();
  const kafka = createMemoryKafka({ clock });
  kafka.createTopic('link', wish.partitions);
  const timer = setInterval(() => clock.advance(100), 1);
  return {
    open: async () => {
      const client = kafka.client();
      const producer = await client.producer({ compression: 'none' }, never);
      const consumer = await client.consumer(consumerOptions(['link'], 'readers', { drainMs: 500 }), never);
      return {
        partitions: wish.partitions,
        writer: createBlockWriter({ ...wish, producer, topic: 'link', form }),
        reader: createBlockLinkReader({ consumer, partitions: wish.partitions, form, clock }),
        [Symbol.asyncDispose]: () => client.close(),
      };
    },
    value: (label, bytes) => ({ label, bytes }),
    label: ({ label }) => label,
    settle: () => kafka.settled(),
    [Symbol.asyncDispose]: async () => clearInterval(timer),
  };
}

linkBehaviours('kafka, a topic of the job', make, { lasting: true, bounded: false });
