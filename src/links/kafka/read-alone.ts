import type { ConsumerOptions, KafkaClient, KafkaConsumer } from './client.ts';

type AloneOptions = Pick<ConsumerOptions, 'topics' | 'from' | 'bufferBytes'> &
  Partial<Pick<ConsumerOptions, 'readCommitted'>>;

/**
 * A consumer of every partition of the topics, without a group: nobody waits for what it holds, and nobody takes it away. `revoked` and
 * `lost` abort only when it is closed or has failed. Records of open and aborted transactions are among what it reads unless told otherwise.
 */
export function readAlone(client: KafkaClient, options: AloneOptions, signal: AbortSignal): Promise<KafkaConsumer> {
  const alone = {
    group: null,
    readCommitted: false,
    sessionTimeoutMs: 30_000,
    drainMs: 0,
    stuckMs: Number.POSITIVE_INFINITY,
  };
  return client.consumer({ ...alone, ...options }, signal);
}
