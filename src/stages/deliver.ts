import { findSluiceError, SluiceError } from '../core/error.ts';
import type { Ledger } from '../core/ledger.ts';
import type { EndMarker, LinkRecord, PartitionLease } from '../core/link.ts';
import type { ScoredBatch } from '../core/scored-batch.ts';
import { settlesWithin } from '../core/settles-within.ts';
import { type Delivered, type DeliverOptions, Delivery } from './delivery.ts';

/**
 * The deliver stage: takes the partitions in turn, which restores the source's order, drops what the ledger already
 * has, writes, and commits. The caller publishes. When it is aborted while it waits for rows it commits what it has written.
 */
export async function deliver(options: DeliverOptions, signal: AbortSignal): Promise<Delivered> {
  const leases = await allLeases(options, signal);
  const delivery = new Delivery(options);
  for (const lease of leases) lease.seek(delivery.sequence);
  const waiting = options.stop === undefined ? signal : AbortSignal.any([signal, options.stop]);
  const commit = async (): Promise<void> => commitLeases(await delivery.commit(signal), leases);
  const ended = new Map<number, EndMarker>();
  for (let partition = delivery.sequence % options.partitions; ended.size < options.partitions; ) {
    const record = await nextRecord(options, delivery, leases[partition]!, commit, waiting);
    if (record === 'stopped') return delivery.leave(signal);
    if (record.kind === 'end') {
      ended.set(partition, record);
      partition = (partition + 1) % options.partitions;
    } else {
      const fresh = delivery.isNext(record.sequence);
      if (fresh && ended.size > 0)
        throw new SluiceError('CONTRACT_BROKEN', `batch ${record.sequence} came after an end marker`);
      if (!fresh) continue;
      await acceptOrExplain(delivery, record.value, signal);
      partition = (partition + 1) % options.partitions;
    }
    if (delivery.commitIsDue()) await commit();
  }
  return delivery.end([...ended.values()], signal);
}

async function allLeases(
  options: DeliverOptions,
  signal: AbortSignal,
): Promise<readonly PartitionLease<ScoredBatch>[]> {
  const leases: PartitionLease<ScoredBatch>[] = [];
  for await (const lease of options.scored.leases(signal)) {
    leases[lease.partition] = lease;
    if (leases.filter(Boolean).length === options.partitions) break;
  }
  return leases;
}

async function nextRecord(
  options: DeliverOptions,
  delivery: Delivery,
  lease: PartitionLease<ScoredBatch>,
  commit: () => Promise<void>,
  waiting: AbortSignal,
): Promise<LinkRecord<ScoredBatch> | 'stopped'> {
  const { meter, clock } = options;
  const next = lease.next(waiting);
  try {
    // Of an intake that comes slowly there may be nothing for long; what was written must not wait for it.
    const { commitDueMs: due } = delivery;
    const isDue = due !== Number.POSITIVE_INFINITY;
    if (isDue && !(await meter.time('input', () => settlesWithin(next, Math.max(0, due), clock)))) await commit();
    return await meter.time('input', () => next);
  } catch (error) {
    if (options.stop?.aborted === true && error === options.stop.reason) return 'stopped';
    // Another stage failed or the user aborted: what was written is good, and need not be done again. The reason wins.
    await delivery.commit(new AbortController().signal).catch(() => undefined);
    throw error;
  }
}

/** A job that ends for its bad rows keeps what it has: the dead letters are what the user needs now. */
async function acceptOrExplain(delivery: Delivery, batch: ScoredBatch, signal: AbortSignal): Promise<void> {
  try {
    await delivery.accept(batch, signal);
  } catch (error) {
    if (findSluiceError(error)?.code === 'TOO_MANY_FAILURES') await delivery.commit(signal);
    throw error;
  }
}

async function commitLeases(ledger: Ledger, leases: readonly PartitionLease<ScoredBatch>[]): Promise<void> {
  for (const lease of leases) await lease.commit(ledger.sequence);
}
