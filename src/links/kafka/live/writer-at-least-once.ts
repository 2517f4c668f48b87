import { abortable } from '../../../core/abortable.ts';
import type { KafkaProducer } from '../client.ts';
import { createTopicWriter, type TopicWriter, type TopicWriterOptions } from './writer-link.ts';

/**
 * Writes scored rows of topics to a topic at least once: what is acknowledged is durable, and whoever reads the input commits its
 * offset afterwards (`PartitionLease.commit` with what `durable` says). Rows between the two are written again after a crash, and
 * nobody is fenced. One idempotent producer serves all partitions; within an input partition the order is kept.
 */
export function createPlainWriter(options: TopicWriterOptions): TopicWriter {
  const { client, compression } = options;
  // The producer is everybody's: whoever asked first may be aborted without it.
  const closing = new AbortController();
  let connecting: Promise<KafkaProducer> | undefined;
  const producer = (): Promise<KafkaProducer> => {
    connecting ??= client.producer({ compression }, closing.signal).catch((error: unknown) => {
      connecting = undefined;
      throw error;
    });
    return connecting;
  };
  return createTopicWriter(
    options,
    async (_input, from, signal) => {
      const shared = await abortable(producer(), signal);
      return {
        from,
        commit: (batches, _after, _next, until) => shared.send(batches, until),
        close: async () => undefined,
      };
    },
    async () => {
      const open = connecting;
      closing.abort(new Error('the writer was closed'));
      await (await open?.catch(() => undefined))?.close();
    },
  );
}
