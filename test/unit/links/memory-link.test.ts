import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Link, LinkRecord, PartitionLease } from '../../../src/core/link.ts';
import { createMemoryLink } from '../../../src/links/memory/memory-link.ts';

const never = new AbortController().signal;

function link(partitions: number, partitionBytes: number): Link<number> {
  return createMemoryLink<number>({ partitions, partitionBytes, sizeOf: (value) => value });
}

function batch(sequence: number, size: number): LinkRecord<number> {
  return { kind: 'batch', sequence, value: size };
}

async function leasesOf(of: Link<number>): Promise<PartitionLease<number>[]> {
  const leases: PartitionLease<number>[] = [];
  for await (const lease of of.reader.leases(never)) leases.push(lease);
  return leases;
}

/** Lets everything that can go on without outside help go on. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}

describe('a memory link', () => {
  test('gives every partition its records in order, whatever the sizes and the pace of either side', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.nat(30), { maxLength: 60 }),
        async (partitions, bytes, sizes) => {
          const tested = link(partitions, bytes);
          const leases = await leasesOf(tested);
          const write = async (partition: number): Promise<void> => {
            for (const [sequence, size] of sizes.entries()) {
              if (sequence % partitions === partition)
                await tested.writer.append(partition, batch(sequence, size), never);
            }
            await tested.writer.append(
              partition,
              { kind: 'end', sequence: sizes.length, read: 0, complete: true },
              never,
            );
          };
          const read = async (lease: PartitionLease<number>): Promise<number[]> => {
            const seen: number[] = [];
            for (;;) {
              const record = await lease.next(never);
              if (record.kind === 'end') return seen;
              seen.push(record.sequence);
            }
          };
          const [seen] = await Promise.all([
            Promise.all(leases.map(read)),
            Promise.all(leases.map(({ partition }) => write(partition))),
          ]);
          const expected = leases.map(({ partition }) =>
            [...sizes.keys()].filter((sequence) => sequence % partitions === partition),
          );
          expect(seen).toEqual(expected);
        },
      ),
    );
  });

  test('never holds more than its budget, but for one record that is larger by itself', async () => {
    const tested = link(1, 100);
    const [lease] = await leasesOf(tested);
    let accepted = 0;
    const writing = (async () => {
      for (const [sequence, size] of [60, 40, 1, 500, 1].entries()) {
        await tested.writer.append(0, batch(sequence, size), never);
        accepted += 1;
      }
    })();
    await settle();
    expect(accepted).toBe(2);
    await lease!.next(never);
    await settle();
    expect(accepted).toBe(3);
    await lease!.next(never);
    await settle();
    expect(accepted).toBe(3);
    await lease!.next(never);
    await settle();
    expect(accepted).toBe(4);
    await lease!.next(never);
    await writing;
    expect(accepted).toBe(5);
  });

  test('a full partition does not hold up the others', async () => {
    const tested = link(2, 10);
    const [, second] = await leasesOf(tested);
    await tested.writer.append(0, batch(0, 10), never);
    const stuck = tested.writer.append(0, batch(2, 10), AbortSignal.timeout(60_000));
    stuck.catch(() => undefined);
    await tested.writer.append(1, batch(1, 10), never);
    expect(await second!.next(never)).toEqual(batch(1, 10));
  });

  test('an aborted append leaves nothing behind, and the next one works', async () => {
    const tested = link(1, 10);
    const [lease] = await leasesOf(tested);
    await tested.writer.append(0, batch(0, 10), never);
    const stop = new AbortController();
    const waiting = tested.writer.append(0, batch(1, 10), stop.signal);
    stop.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
    await lease!.next(never);
    await tested.writer.append(0, batch(2, 10), never);
    expect(await lease!.next(never)).toEqual(batch(2, 10));
  });

  test('a reader that waits is ended by its signal', async () => {
    const [lease] = await leasesOf(link(1, 10));
    const stop = new AbortController();
    const waiting = lease!.next(stop.signal);
    stop.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
  });

  test('the watermark is what was committed, and never goes back', async () => {
    const tested = link(2, 10);
    const [first] = await leasesOf(tested);
    expect(tested.writer.durable(0)).toBe(0);
    await first!.commit(7);
    await first!.commit(3);
    expect(tested.writer.durable(0)).toBe(7);
    expect(tested.writer.durable(1)).toBe(0);
  });
});
