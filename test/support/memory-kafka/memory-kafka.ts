import type { Clock } from '../../../src/core/clock.ts';
import type { Envelope } from '../../../src/core/envelope.ts';
import { SluiceError } from '../../../src/core/error.ts';
import type { KafkaClient } from '../../../src/links/kafka/client.ts';
import { ManualClock } from '../manual-clock.ts';
import { Cluster } from './cluster.ts';
import type { MemoryOperation } from './faults.ts';
import { MemoryClient } from './memory-client.ts';
import { MemoryProcess } from './memory-process.ts';
import type { LogEntry } from './partition-log.ts';
import { seededRandom } from './seeded-random.ts';
import { Steps } from './steps.ts';

/** How a memory Kafka behaves. */
export interface MemoryKafkaOptions {
  /** Time-outs (drain, session, transaction, `waitMs`) and timestamps. Left out: a clock that stands still. */
  readonly clock?: Clock;
  /** Shuffles the order of all that is under way, the sizes of polls and the shares of members. Left out: everything in order, at once. */
  readonly seed?: number;
  /** Readers of committed records also get about half of the aborted ones, as a client library can. */
  readonly leakAborted?: boolean;
  /** Topics with `cleanup.policy` `compact` are compacted after every write. */
  readonly compaction?: boolean;
  /** Members with a stuck holder leave (`stuckMs`). Off, because a clock that advances by itself would take all for stuck. */
  readonly watchdog?: boolean;
  /** `ranges` ends at the high watermark, as with clients that cannot tell the last stable offset. */
  readonly highWatermarks?: boolean;
  /** Bytes of keys and values in one call for one partition; a topic's `max.message.bytes` goes before. Left out: Kafka's own. */
  readonly maxMessageBytes?: number;
}

/**
 * A Kafka in one process, for property tests: a model of the broker and of what the port in src/links/kafka/client.ts promises of
 * its clients. Everything happens in microtasks, or when the clock moves; with a seed always in the same order.
 */
export interface MemoryKafka {
  readonly clock: Clock;
  /** Another process. */
  client(): KafkaClient;
  createTopic(name: string, partitions: number, config?: Readonly<Record<string, string>>): void;
  /**
   * kill -9: whatever the client has under way rejects (KAFKA_FAULT) and does nothing more; `lost` aborts. Its members are members until
   * their session is over, its open transaction is open until it is fenced or times out. Closing it does nothing, quietly.
   */
  crash(client: KafkaClient): void;
  /** SIGSTOP: nothing of the client goes on until `thaw`. The group and the transactions treat it as dead when their time is over. */
  freeze(client: KafkaClient): void;
  /** SIGCONT: everything goes on where it stood, and finds out what happened meanwhile. */
  thaw(client: KafkaClient): void;
  /**
   * Fails the next operation of a kind, of this client or of any, before it has an effect; a `transaction` is aborted. With `after`
   * only the reply is lost (`send`, `commit`, `topics`).
   */
  failNext(
    operation: MemoryOperation,
    error: Error,
    which?: { readonly client?: KafkaClient; readonly after?: boolean },
  ): void;
  /**
   * Of the markers of the client's next commit only the first ones are written, as by a coordinator that comes back while partitions
   * have no leader: the broker calls the transaction ended, and the rest of its records and offsets stay open.
   */
  loseMarkers(client: KafkaClient, after: number): void;
  /** Compacts a topic now. */
  compact(topic: string): void;
  /** Retention: everything of the partition below the offset is gone. */
  trim(topic: string, partition: number, offset: number): void;
  /** A partition's log as it is: records, markers, open and aborted transactions. */
  log(topic: string, partition: number): readonly LogEntry[];
  /** What a faultless reader of committed records finds, partition by partition: the judge. */
  committed(topic: string): readonly Envelope[];
  /** Resolves when nothing goes on any more without somebody's doing or the clock. */
  settled(): Promise<void>;
}

/** Makes an empty cluster. */
export function createMemoryKafka(options: MemoryKafkaOptions = {}): MemoryKafka {
  const random = options.seed === undefined ? null : seededRandom(options.seed);
  const clock = options.clock ?? new ManualClock();
  const steps = new Steps(random);
  const cluster = new Cluster(
    {
      clock,
      random,
      leakAborted: options.leakAborted ?? false,
      compaction: options.compaction ?? false,
      watchdog: options.watchdog ?? false,
      stableRanges: options.highWatermarks !== true,
      maxMessageBytes: options.maxMessageBytes ?? 1_048_588,
    },
    steps,
  );
  let clients = 0;
  return {
    clock,
    client: () => {
      clients += 1;
      return new MemoryClient(cluster, new MemoryProcess(`client ${clients}`, steps));
    },
    createTopic: (name, partitions, config = {}) => {
      cluster.create({ name, partitions, replicationFactor: 1, config });
    },
    crash: (client) => ours(client).crash(),
    freeze: (client) => ours(client).freeze(),
    thaw: (client) => ours(client).thaw(),
    failNext: (operation, error, which = {}) => {
      const of = which.client === undefined ? null : ours(which.client).process;
      cluster.faults.add({ operation, error, of, after: which.after ?? false });
    },
    loseMarkers: (client, after) => {
      ours(client).process.losesMarkers = after;
    },
    compact: (topic) => cluster.logs(topic).forEach((log) => log.compact()),
    trim: (topic, partition, offset) => cluster.log({ topic, partition }).trim(offset),
    log: (topic, partition) => cluster.log({ topic, partition }).entries,
    committed: (topic) =>
      cluster.logs(topic).flatMap((log) =>
        log
          .from(log.start, log.stable)
          .filter(({ state }) => state === 'committed')
          .flatMap(({ envelope }) => (envelope === null ? [] : [envelope])),
      ),
    // Microtasks end before the next turn of the event loop; it waits for nothing else.
    settled: () => new Promise((resolve) => setImmediate(resolve)),
  };
}

function ours(client: KafkaClient): MemoryClient {
  if (client instanceof MemoryClient) return client;
  throw new SluiceError('CONTRACT_BROKEN', 'the client is not one of this memory Kafka');
}
