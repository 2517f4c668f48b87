import type { KafkaClient } from '../../../src/links/kafka/client.ts';
import { consumerOptions, plainConnection } from './client-harness.ts';

/**
 * A member of a group in a process of its own, which can be stopped: says every few milliseconds whether it would write
 * for the partition that it has. Arguments: the adapter, the broker, the topic, the group, the session timeout.
 */
const [adapter, broker, topic, group, sessionTimeout] = process.argv.slice(2);

async function client(): Promise<KafkaClient> {
  const connection = plainConnection([broker!]);
  if (adapter === 'kafkajs') {
    const { createKafkajsClient } = await import('../../../src/links/kafka/clients/kafkajs/client.ts');
    return createKafkajsClient(connection);
  }
  if (adapter === 'platformatic') {
    const { createPlatformaticClient } = await import('../../../src/links/kafka/clients/platformatic/client.ts');
    return createPlatformaticClient(connection, {});
  }
  throw new Error(`no adapter ${adapter}`);
}

const never = new AbortController().signal;
const sessionTimeoutMs = Number(sessionTimeout);
const consumer = await (await client()).consumer(
  consumerOptions([topic!], group!, { sessionTimeoutMs, drainMs: sessionTimeoutMs / 2 }),
  never,
);
for await (const partition of consumer.assignments(never)) {
  const say = (): void => {
    const lost = partition.lost.aborted;
    process.stdout.write(lost ? 'lost\n' : 'write\n');
    if (!lost) setTimeout(say, 5);
  };
  say();
}
