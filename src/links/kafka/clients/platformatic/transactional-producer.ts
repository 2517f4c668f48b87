import type { ConnectionPool } from '@platformatic/kafka';
import { SluiceError } from '../../../../core/error.ts';
import type { GroupOffsets, PartitionRecords, TransactionalOptions, TransactionalProducer } from '../../client.ts';
import type { BatchCodec } from './batch-codec.ts';
import { kafkaError } from './broker-fault.ts';
import type { Cluster } from './cluster.ts';
import { produce, produceTimeoutMs, type Shipment } from './produce-request.ts';
import { type ProducerIdentity, transactionalIdentity } from './producer-identity.ts';
import { encodeBatch, recordBytes } from './record-encoder.ts';

const batchBytes = 700 * 1024;

/** Writes in transactions; every step waits for the one before it. */
export class PlatformaticTransactions implements TransactionalProducer {
  readonly #cluster: Cluster;
  readonly #codec: BatchCodec;
  readonly #options: TransactionalOptions;
  readonly #pool: ConnectionPool;
  readonly #stopped = new AbortController();
  #identity: ProducerIdentity | null = null;
  /** Something failed: the broker has to be asked for another epoch before anything is written. */
  #spoilt = false;
  #dead: SluiceError | null = null;
  readonly #sequences = new Map<string, number>();
  #running: Promise<unknown> = Promise.resolve();

  constructor(cluster: Cluster, codec: BatchCodec, options: TransactionalOptions) {
    this.#cluster = cluster;
    cluster.users.add(this);
    this.#codec = codec;
    this.#options = options;
    this.#pool = cluster.pool(produceTimeoutMs);
  }

  /** Fences the producer before this one. */
  async connect(signal: AbortSignal): Promise<void> {
    const { transactionalId, timeoutMs } = this.#options;
    this.#identity = await transactionalIdentity(this.#cluster, transactionalId, timeoutMs, null, signal);
  }

  commit(batches: readonly PartitionRecords[], offsets: readonly GroupOffsets[], signal: AbortSignal): Promise<void> {
    const run = this.#running.then(() => this.#commit(batches, offsets, signal));
    this.#running = run.catch(() => undefined);
    return run;
  }

  async close(): Promise<void> {
    await this.#running;
    this.#dead ??= new SluiceError('KAFKA_FAULT', 'Kafka: the producer was closed');
    this.#stopped.abort(this.#dead);
    await this.#cluster.closePool(this.#pool);
    this.#cluster.users.delete(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #commit(
    batches: readonly PartitionRecords[],
    offsets: readonly GroupOffsets[],
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#dead !== null) throw this.#dead;
    signal.throwIfAborted();
    const identity = this.#spoilt ? await this.#recover(signal) : this.#identity;
    if (identity === null) throw new SluiceError('CONTRACT_BROKEN', 'a transactional producer was not connected');
    const written = batches.filter((batch) => batch.records.length > 0);
    const committed = offsets.filter((group) => group.offsets.length > 0);
    if (written.length === 0 && committed.length === 0) return;
    try {
      if (written.length > 0) await this.#write(identity, written, signal);
      for (const group of committed) await this.#addOffsets(identity, group, signal);
      signal.throwIfAborted();
    } catch (error) {
      await this.#abandon(error);
      throw this.#dead ?? error;
    }
    await this.#end(identity);
  }

  async #write(identity: ProducerIdentity, batches: readonly PartitionRecords[], signal: AbortSignal): Promise<void> {
    const { api } = this.#cluster.library.addPartitionsToTxnV3;
    const partitions = Map.groupBy(batches, (batch) => batch.topic);
    const topics = [...partitions].map(([name, parts]) => ({
      name,
      partitions: [...new Set(parts.map((part) => part.partition))],
    }));
    const { transactionalId } = this.#options;
    const { producerId, epoch: producerEpoch } = identity;
    await this.#coordinated('adding partitions to a transaction', signal, async (connection) => {
      await api.async(connection, [{ transactionalId, producerId, producerEpoch, verifyOnly: false, topics }]);
    });
    const byPartition = Map.groupBy(batches, ({ topic, partition }) => `${partition} ${topic}`);
    // One that fails ends the others, and is waited for: a write that ended late would count in the sequences of the next epoch.
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const outcomes = await Promise.allSettled(
      [...byPartition.values()].map((parts) =>
        this.#writePartition(identity, parts, either).catch((error: unknown) => {
          failed.abort(error);
          throw error;
        }),
      ),
    );
    if (outcomes.some((outcome) => outcome.status === 'rejected')) throw either.reason;
  }

  async #writePartition(
    identity: ProducerIdentity,
    parts: readonly PartitionRecords[],
    signal: AbortSignal,
  ): Promise<void> {
    const [{ topic, partition } = { topic: '', partition: 0 }] = parts;
    const name = `${partition} ${topic}`;
    for (const records of together(parts)) {
      const sequence = this.#sequences.get(name) ?? 0;
      const wall = this.#cluster.clock.wall();
      const batch = await encodeBatch(
        records,
        { ...identity, sequence },
        { codec: this.#codec, transactional: true, wall },
      );
      await this.#cluster.attempt(`writing to partition ${partition} of topic ${topic}`, signal, () =>
        this.#ship({ topic, partition, batch }),
      );
      this.#sequences.set(name, (sequence + records.length) % 0x8000_0000);
    }
  }

  async #ship(shipment: Shipment): Promise<void> {
    const leader = await this.#cluster.leader(shipment.topic, shipment.partition);
    const { transactionalId } = this.#options;
    const [outcome] = await produce(this.#cluster, this.#pool, leader, transactionalId, [shipment]);
    const refused = outcome as { apiId?: string } | null | undefined;
    // Written by an earlier try, whose answer was lost.
    if (outcome && refused?.apiId !== 'DUPLICATE_SEQUENCE_NUMBER') throw outcome;
  }

  async #addOffsets(identity: ProducerIdentity, group: GroupOffsets, signal: AbortSignal): Promise<void> {
    const { library } = this.#cluster;
    const { transactionalId } = this.#options;
    const { producerId, epoch } = identity;
    await this.#coordinated(`adding group ${group.group} to a transaction`, signal, async (connection) => {
      await library.addOffsetsToTxnV3.api.async(connection, transactionalId, producerId, epoch, group.group);
    });
    const topics = [...Map.groupBy(group.offsets, (one) => one.topic)].map(([name, parts]) => ({
      name,
      partitions: parts.map((part) => ({
        partitionIndex: part.partition,
        committedOffset: BigInt(part.offset),
        committedLeaderEpoch: -1,
        committedMetadata: null,
      })),
    }));
    await this.#cluster.attempt(`committing offsets of group ${group.group}`, signal, async () => {
      const connection = await this.#cluster.coordinator('group', group.group, this.#pool);
      // Without a member: the transactional id is what fences, one per input partition.
      const { api } = library.txnOffsetCommitV3;
      await api.async(connection, transactionalId, group.group, producerId, epoch, -1, '', null, topics);
    });
  }

  /** Commits. Nobody interrupts it: once asked, the broker may have done it. */
  async #end(identity: ProducerIdentity): Promise<void> {
    try {
      await this.#coordinated('committing a transaction', this.#stopped.signal, async (connection) => {
        const { api } = this.#cluster.library.endTxnV3;
        await api.async(connection, this.#options.transactionalId, identity.producerId, identity.epoch, true);
      });
    } catch (error) {
      const fault = kafkaError('committing a transaction', error);
      // Whether it is committed only the next owner can know, from the offsets that he finds.
      this.#dead = new SluiceError(
        'KAFKA_FENCED',
        `Kafka: the transactional id ${this.#options.transactionalId} has to be taken over anew: ${fault.message}`,
        { cause: error },
      );
      throw fault;
    }
  }

  /** Aborts after a failure, by asking for another epoch; finds out whether somebody else has taken over. */
  async #abandon(error: unknown): Promise<void> {
    this.#spoilt = true;
    const fenced = error instanceof SluiceError && error.code === 'KAFKA_FENCED';
    const unreachable = error instanceof SluiceError && error.code === 'KAFKA_UNREACHABLE';
    // Nobody is there to ask; the broker aborts what is open when its time is over, or the next commit does.
    if (unreachable) return;
    try {
      await this.#recover(this.#stopped.signal);
    } catch (reason) {
      if (fenced) this.#dead ??= kafkaError('recovering', reason);
    }
  }

  async #recover(signal: AbortSignal): Promise<ProducerIdentity> {
    const { transactionalId, timeoutMs } = this.#options;
    try {
      this.#identity = await transactionalIdentity(this.#cluster, transactionalId, timeoutMs, this.#identity, signal);
    } catch (error) {
      if (error instanceof SluiceError && error.code === 'KAFKA_FENCED') this.#dead = error;
      throw error;
    }
    this.#sequences.clear();
    this.#spoilt = false;
    return this.#identity;
  }

  #coordinated(
    what: string,
    signal: AbortSignal,
    work: (connection: Awaited<ReturnType<Cluster['coordinator']>>) => Promise<void>,
  ): Promise<void> {
    const { transactionalId } = this.#options;
    return this.#cluster.attempt(`${what} of ${transactionalId}`, signal, async () =>
      work(await this.#cluster.coordinator('transaction', transactionalId, this.#pool)),
    );
  }
}

/** Records of one partition, as few batches as the broker's limit allows. */
function* together(parts: readonly PartitionRecords[]): Generator<PartitionRecords['records']> {
  let records: PartitionRecords['records'][number][] = [];
  let bytes = 0;
  for (const part of parts) {
    const size = part.records.reduce((sum, record) => sum + recordBytes(record), 0);
    if (records.length > 0 && bytes + size > batchBytes) {
      yield records;
      records = [];
      bytes = 0;
    }
    records = [...records, ...part.records];
    bytes += size;
  }
  if (records.length > 0) yield records;
}
