import type { ConnectionPool } from '@platformatic/kafka';
import type { Clock } from '../../../../core/clock.ts';
import type { GroupOffsets, TopicPartition } from '../../client.ts';
import type { Attempts } from '../protocol/attempts.ts';
import type { CommittedPorts } from '../protocol/committed-offsets.ts';
import {
  ackTimeoutMs,
  outcomeOfState,
  type ProducerIdentity,
  type ProducerWire,
  produceTimeoutMs,
  type Shipment,
  type ShipmentOutcome,
  type TransactionalClaim,
  type TransactionIdentity,
  type TransactionOutcome,
} from '../protocol/producer-wire.ts';
import { faultOf } from './broker-fault.ts';
import type { Cluster } from './cluster.ts';
import { groupOffsets } from './group-offsets.ts';

/** The requests of a producer, over connections of its own. */
export class PlatformaticWire implements ProducerWire {
  readonly clock: Clock;
  readonly attempts: Attempts;
  readonly faultOf = faultOf;
  readonly #cluster: Cluster;
  readonly #pool: ConnectionPool;

  constructor(cluster: Cluster) {
    this.clock = cluster.clock;
    this.attempts = cluster.attempts;
    this.#cluster = cluster;
    this.#pool = cluster.pool(produceTimeoutMs);
  }

  leader(topic: string, partition: number): Promise<number> {
    return this.#cluster.leader(topic, partition);
  }

  /** Version 9 (https://kafka.apache.org/protocol#The_Messages_Produce). */
  async produce(
    leader: number,
    transactionalId: string | null,
    shipments: readonly Shipment[],
  ): Promise<readonly ShipmentOutcome[]> {
    const { library } = this.#cluster;
    const byTopic = Map.groupBy(shipments, (shipment) => shipment.topic);
    const request = () =>
      library.Writer.create()
        .appendString(transactionalId)
        .appendInt16(library.ProduceAcks.ALL)
        .appendInt32(ackTimeoutMs)
        .appendArray([...byTopic], (topics, [topic, parts]) => {
          topics.appendString(topic).appendArray(parts, (partitions, shipment) => {
            partitions.appendInt32(shipment.partition).appendBytes(shipment.batch);
          });
        })
        .appendTaggedFields();
    type Reply = ReturnType<typeof library.produceV9.parseResponse>;
    const { key, version } = library.produceV9.api;
    const api = library.createAPI<[], Reply>(key, version, request, library.produceV9.parseResponse);
    const connection = await this.#cluster.node(leader, this.#pool);
    const reply = await api.async(connection).catch((error: unknown) => {
      // One refused partition makes an error of the whole answer, which holds all of them.
      const response = (error as { response?: Reply }).response;
      if (response === undefined) throw error;
      return response;
    });
    return shipments.map(({ topic, partition }) => {
      const answer = reply.responses
        .find((one) => one.name === topic)
        ?.partitionResponses.find((one) => one.index === partition);
      if (answer === undefined) return new library.ProtocolError('NETWORK_EXCEPTION');
      return answer.errorCode === 0 ? null : new library.ProtocolError(answer.errorCode, answer.errorMessage);
    });
  }

  async identity(claim: TransactionalClaim | null): Promise<ProducerIdentity> {
    const { library, control } = this.#cluster;
    const { transactionalId, timeoutMs, before } = claim ?? {
      transactionalId: null,
      timeoutMs: 2 ** 31 - 1,
      before: null,
    };
    const connection =
      transactionalId === null
        ? await this.#cluster.any()
        : await this.#cluster.coordinator('transaction', transactionalId, control);
    const { producerId, epoch } = before ?? { producerId: -1n, epoch: -1 };
    const reply = await library.initProducerIdV4.api.async(connection, transactionalId, timeoutMs, producerId, epoch);
    return { producerId: reply.producerId, epoch: reply.producerEpoch };
  }

  async outcome(transactionalId: string): Promise<TransactionOutcome | null> {
    const { library, control } = this.#cluster;
    const connection = await this.#cluster.coordinator('transaction', transactionalId, control);
    const reply = await library.describeTransactionsV0.api
      .async(connection, [transactionalId])
      .catch((error: unknown) => {
        if (faultOf(error).name === 'TRANSACTIONAL_ID_NOT_FOUND') return null;
        throw error;
      });
    const state = reply?.transactionStates[0]?.transactionState;
    return state === undefined ? null : outcomeOfState(state);
  }

  session(transactionalId: string): Promise<object> {
    return this.#cluster.coordinator('transaction', transactionalId, this.#cluster.control);
  }

  async addPartitions(to: TransactionIdentity, partitions: readonly TopicPartition[]): Promise<void> {
    const { transactionalId, producerId, epoch: producerEpoch } = to;
    const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, parts]) => ({
      name,
      partitions: parts.map(({ partition }) => partition),
    }));
    const { api } = this.#cluster.library.addPartitionsToTxnV3;
    await api.async(await this.#coordinator(to), [
      { transactionalId, producerId, producerEpoch, verifyOnly: false, topics },
    ]);
  }

  async addGroup(to: TransactionIdentity, group: string): Promise<void> {
    const { api } = this.#cluster.library.addOffsetsToTxnV3;
    await api.async(await this.#coordinator(to), to.transactionalId, to.producerId, to.epoch, group);
  }

  offsets(group: string, topic: string, signal: AbortSignal): CommittedPorts {
    return groupOffsets(this.#cluster, group, topic, signal);
  }

  async commitOffsets(to: TransactionIdentity, { group, offsets }: GroupOffsets): Promise<void> {
    const topics = [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, parts]) => ({
      name,
      partitions: parts.map(({ partition, offset }) => ({
        partitionIndex: partition,
        committedOffset: BigInt(offset),
        committedLeaderEpoch: -1,
        committedMetadata: null,
      })),
    }));
    const connection = await this.#cluster.coordinator('group', group, this.#pool);
    const { api } = this.#cluster.library.txnOffsetCommitV3;
    await api.async(connection, to.transactionalId, group, to.producerId, to.epoch, -1, '', null, topics);
  }

  commit(of: TransactionIdentity): Promise<void> {
    return this.#end(of, true);
  }

  abort(of: TransactionIdentity): Promise<void> {
    return this.#end(of, false);
  }

  close(): Promise<void> {
    return this.#cluster.closePool(this.#pool);
  }

  async #end(of: TransactionIdentity, committed: boolean): Promise<void> {
    const { api } = this.#cluster.library.endTxnV3;
    await api.async(await this.#coordinator(of), of.transactionalId, of.producerId, of.epoch, committed);
  }

  #coordinator({ transactionalId }: TransactionIdentity) {
    return this.#cluster.coordinator('transaction', transactionalId, this.#pool);
  }
}
