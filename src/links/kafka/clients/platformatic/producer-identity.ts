import type { Cluster } from './cluster.ts';

/** By what brokers know a producer, and an older one of the same name. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly epoch: number;
}

/** A new identity for a producer without transactions. */
export async function newIdentity(cluster: Cluster, signal: AbortSignal): Promise<ProducerIdentity> {
  return await cluster.attempt('asking for a producer id', signal, async () => {
    const { library } = cluster;
    const reply = await library.initProducerIdV4.api.async(await cluster.any(), null, 2_147_483_647, -1n, -1);
    return { producerId: reply.producerId, epoch: reply.producerEpoch };
  });
}

/**
 * The identity of a transactional id. `before` null: fences whoever holds it. Else: goes on after an error as the same producer, and is
 * refused when another one has taken over. Either way a transaction that was open is aborted.
 */
export async function transactionalIdentity(
  cluster: Cluster,
  transactionalId: string,
  timeoutMs: number,
  before: ProducerIdentity | null,
  signal: AbortSignal,
): Promise<ProducerIdentity> {
  return await cluster.attempt(`taking over the transactional id ${transactionalId}`, signal, async () => {
    const connection = await cluster.coordinator('transaction', transactionalId, cluster.control);
    const { api } = cluster.library.initProducerIdV4;
    const { producerId, epoch } = before ?? { producerId: -1n, epoch: -1 };
    const reply = await api.async(connection, transactionalId, timeoutMs, producerId, epoch);
    return { producerId: reply.producerId, epoch: reply.producerEpoch };
  });
}
