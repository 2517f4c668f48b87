import type { ConnectionPool } from '@platformatic/kafka';
import type { TopicPartition } from '../../client.ts';
import type { Cluster } from './cluster.ts';

/** An encoded batch on its way to the leader of its partition. */
export interface Shipment extends TopicPartition {
  readonly batch: Buffer;
}

/** What became of each shipment, in their order: null when it is written, else the broker's error. */
export type ShipmentOutcome = Error | null;

/** Milliseconds that a leader waits for its followers. */
const ackTimeoutMs = 20_000;
/** Longer than the leader may wait. */
export const produceTimeoutMs = 30_000;

/**
 * Sends batches to their leader in one request, version 9 (https://kafka.apache.org/protocol#The_Messages_Produce). Rejects when
 * nobody knows what became of them.
 */
export async function produce(
  cluster: Cluster,
  pool: ConnectionPool,
  leader: number,
  transactionalId: string | null,
  shipments: readonly Shipment[],
): Promise<readonly ShipmentOutcome[]> {
  const { library } = cluster;
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
  const connection = await cluster.node(leader, pool);
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
