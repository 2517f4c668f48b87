import type { BatchLimits } from '../../../core/batch-limits.ts';
import type { Clock } from '../../../core/clock.ts';
import type { Envelope } from '../../../core/envelope.ts';
import type { LinkReader, PartitionLease } from '../../../core/link.ts';
import type { MessageReader } from '../../../core/message-format.ts';
import type { RowBatch } from '../../../core/row-batch.ts';
import type { AssignedPartition, ConsumerOptions, KafkaClient, KafkaConsumer, TopicPartition } from '../client.ts';
import { TopicBounds } from './topic-bounds.ts';
import { TopicLease } from './topic-lease.ts';
import type { PartitionNumbers } from './topic-partition-numbers.ts';
import type { TopicEnd, TopicStart } from './topic-range.ts';

export interface TopicReaderOptions {
  readonly client: KafkaClient;
  /** How the group is joined. `from` is in `start`. */
  readonly consumer: Omit<ConsumerOptions, 'from' | 'group'>;
  readonly group: string;
  /** Where a partition begins for which the group has committed nothing. */
  readonly start: TopicStart;
  /** Where reading ends; null: never. */
  readonly until: TopicEnd | null;
  /** When a batch is full; looked at anew for every batch. */
  readonly limits: BatchLimits;
  /** Makes the reader of one partition's messages. */
  readonly messages: (partition: TopicPartition) => MessageReader;
  /** What is read of a message, at its offset; null passes it over. Left out: all of it. */
  readonly admit?: (message: Envelope) => Envelope | null;
  readonly numbers: PartitionNumbers;
  readonly clock: Clock;
  /** False: the writer's transactions hold the offsets, and leases commit none. */
  readonly commitOffsets: boolean;
  /** A partition waits for something that is away (a schema registry), with the reason; null when it goes on. */
  readonly onWait?: (partition: TopicPartition, reason: string | null) => void;
}

/** How far a partition is behind. */
interface TopicLag extends TopicPartition {
  /** Messages that are not committed yet; null before the first fetch. */
  readonly lag: number | null;
}

/** Reads topics as a member of a group; a sequence is the offset that a batch starts at. */
export interface TopicReader extends LinkReader<RowBatch>, AsyncDisposable {
  /** Of the partitions that are leased now. */
  readonly lags: readonly TopicLag[];
  /** Partitions whose fetching is paused as nobody takes what was fetched. */
  readonly paused: number;
  /** How often the group was balanced since this member joined. */
  readonly rebalances: number;
  /** Revokes every lease, waits until the holders have finished, and leaves the group; `leases` ends. */
  close(): Promise<void>;
}

/** How often a member that holds no partition looks whether the group is done with a bounded read. */
const LOOK_MS = 500;

/**
 * The rows link of a live job. `leases` may be called once; it ends when the reader is closed, and in a bounded read when every
 * partition has come to its end, here or by the group's commits in another member (which a holder makes before it disposes of
 * its lease). Leaving the loop over the leases closes the reader.
 */
export function createTopicReader(options: TopicReaderOptions): TopicReader {
  const { client, consumer: joining, group, start, until, numbers, clock } = options;
  const bounds = new TopicBounds({ topics: client.topics, names: joining.topics, group, start, until });
  const leased = new Map<TopicLease, AssignedPartition>();
  const idle = { wake: (): void => undefined };
  let consumer: KafkaConsumer | undefined;
  let closed = false;

  const lease = async (assigned: AssignedPartition): Promise<TopicLease> => {
    const { topic, partition } = assigned;
    const made: TopicLease = new TopicLease({
      assigned,
      partition: numbers.numberOf(assigned),
      start: await bounds.startOf(assigned),
      high: async () => (await client.topics.ranges(topic))[partition]?.high ?? 0,
      until: bounds.endOf(assigned),
      limits: options.limits,
      messages: options.messages({ topic, partition }),
      admit: options.admit,
      clock,
      commitOffsets: options.commitOffsets,
      onWait: (reason) => options.onWait?.({ topic, partition }, reason),
      onDisposed: (ended) => {
        leased.delete(made);
        if (ended) bounds.ended(assigned);
        idle.wake();
      },
    });
    leased.set(made, assigned);
    return made;
  };

  /** Null when the partition was taken away before it was begun with: it is another member's work. */
  const begun = async (assigned: AssignedPartition): Promise<TopicLease | null> => {
    try {
      return await lease(assigned);
    } catch (error) {
      await assigned[Symbol.asyncDispose]();
      if (assigned.revoked.aborted || assigned.lost.aborted) return null;
      throw error;
    }
  };

  /** Resolves when nothing is left to be read by anybody. */
  const finished = async (signal: AbortSignal): Promise<'finished'> => {
    for (;;) {
      while (leased.size > 0) await woken(idle, signal);
      if (await bounds.allEnded()) return 'finished';
      await clock.sleep(LOOK_MS, signal);
    }
  };

  const close = async (): Promise<void> => {
    closed = true;
    await consumer?.close();
  };

  async function* leases(signal: AbortSignal): AsyncGenerator<PartitionLease<RowBatch>> {
    await bounds.open();
    const from = start === 'latest' ? 'latest' : 'earliest';
    consumer = await client.consumer({ ...joining, group, from }, signal);
    const leaving = new AbortController();
    const done = until === null ? undefined : finished(AbortSignal.any([signal, leaving.signal]));
    done?.catch(() => undefined);
    try {
      if (closed) return;
      const assignments = consumer.assignments(signal)[Symbol.asyncIterator]();
      for (;;) {
        const coming = assignments.next();
        const next = await (done === undefined ? coming : Promise.race([coming, done]));
        if (next === 'finished') {
          coming.then(({ value }) => value?.[Symbol.asyncDispose]()).catch(() => undefined);
          return;
        }
        if (next.done === true) return;
        const made = await begun(next.value);
        if (made !== null) yield made;
      }
    } finally {
      leaving.abort();
      await close();
    }
  }

  return {
    leases,
    close,
    get lags() {
      return [...leased].map(([{ lag }, { topic, partition }]) => ({ topic, partition, lag }));
    },
    get paused() {
      return consumer?.paused ?? 0;
    },
    get rebalances() {
      return consumer?.rebalances ?? 0;
    },
    [Symbol.asyncDispose]: close,
  };
}

function woken(idle: { wake: () => void }, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    idle.wake = () => {
      signal.removeEventListener('abort', stop);
      resolve();
    };
  });
}
