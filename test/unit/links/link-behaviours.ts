import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Link, LinkRecord, PartitionLease } from '../../../src/core/link.ts';

/** What a link can. */
export interface LinkAbilities {
  /** What is durable outlives the process, and what was committed is not read again by the next one. */
  readonly lasting: boolean;
  /** An append waits while `partitionBytes` of its partition are not read. */
  readonly bounded: boolean;
}

/** How a test wants its link. */
export interface LinkWish {
  readonly partitions: number;
  /** For bounded links. */
  readonly partitionBytes: number;
}

/** A link, as the processes that use it see it. A link that is not lasting has one. */
export interface LinkUnderTest<T> extends AsyncDisposable {
  /** The link for one more process; disposing of it ends that process in order. */
  open(): Promise<Link<T>>;
  /** A value with a label to know it by, that counts for so many bytes. */
  value(label: number, bytes: number): T;
  label(value: T): number;
  /** Resolves when nothing goes on any more by itself. On a real broker: after a moment. */
  settle(): Promise<void>;
}

const limit = (): AbortSignal => AbortSignal.timeout(50_000);

/**
 * What src/core/link.ts promises, for every link. `make` gives an empty link. A link that is lasting gives its partitions to
 * several readers; its drain deadline should be short, as one test lets it pass.
 */
export function linkBehaviours<T>(
  name: string,
  make: (wish: LinkWish) => Promise<LinkUnderTest<T>>,
  can: LinkAbilities,
  runs = 20,
): void {
  const batch = (tested: LinkUnderTest<T>, sequence: number, bytes = 1): LinkRecord<T> => ({
    kind: 'batch',
    sequence,
    value: tested.value(sequence, bytes),
  });
  const end = (sequence: number): LinkRecord<T> => ({ kind: 'end', sequence, read: sequence * 3, complete: true });
  const small: LinkWish = { partitions: 1, partitionBytes: 1_000 };

  /** Appends the batches of a partition and its end marker. */
  const write = async (tested: LinkUnderTest<T>, link: Link<T>, partition: number, sizes: readonly number[]) => {
    for (const [sequence, size] of sizes.entries()) {
      if (sequence % link.partitions === partition) {
        await link.writer.append(partition, batch(tested, sequence, size), limit());
      }
    }
    await link.writer.append(partition, end(sizes.length), limit());
  };

  describe(`${name}: the link`, () => {
    test('every partition gives its batches in order, and its end marker last, whatever the sizes', async () => {
      const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 30 });
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 4 }), sizes, async (partitions, sizes) => {
          await using tested = await make({ partitions, partitionBytes: 50 });
          await using link = await tested.open();
          expect(link.partitions).toBe(partitions);
          const leases = await take(link, partitions);
          expect(leases.map(({ partition }) => partition)).toEqual([...Array(partitions).keys()]);
          const writing = leases.map(async ({ partition }) => {
            expect(await link.writer.begin(partition, partition, limit())).toBe(partition);
            await write(tested, link, partition, sizes);
            await link.writer.end(partition, limit());
          });
          const reading = leases.map(async (lease) => {
            const labels: number[] = [];
            for (;;) {
              const record = await lease.next(limit());
              if (record.kind === 'end') {
                expect(record).toEqual(end(sizes.length));
                return labels;
              }
              expect(tested.label(record.value)).toBe(record.sequence);
              labels.push(record.sequence);
            }
          });
          const [seen] = await Promise.all([Promise.all(reading), Promise.all(writing)]);
          const all = [...sizes.keys()];
          expect(seen).toEqual(leases.map(({ partition }) => all.filter((each) => each % partitions === partition)));
          await release(leases);
        }),
        { numRuns: runs },
      );
    });

    test('a partition that nobody reads does not hold up another', async () => {
      await using tested = await make({ partitions: 2, partitionBytes: 10 });
      await using link = await tested.open();
      const leases = await take(link, 2);
      for (const partition of [0, 1]) await link.writer.begin(partition, partition, limit());
      const stop = new AbortController();
      await link.writer.append(0, batch(tested, 0, 10), limit());
      const other = link.writer.append(0, batch(tested, 2, 10), stop.signal).catch(() => undefined);
      for (const sequence of [1, 3, 5]) {
        await link.writer.append(1, batch(tested, sequence, 10), limit());
        expect(await leases[1]!.next(limit())).toEqual(batch(tested, sequence, 10));
      }
      stop.abort();
      await other;
      await release(leases);
    });

    test('an append whose signal is aborted rejects with the reason and leaves nothing', async () => {
      await using tested = await make(small);
      await using link = await tested.open();
      const leases = await take(link, 1);
      await link.writer.begin(0, 0, limit());
      const reason = new Error('stopped');
      await expect(link.writer.append(0, batch(tested, 0), AbortSignal.abort(reason))).rejects.toBe(reason);
      await link.writer.append(0, batch(tested, 1), limit());
      expect(await leases[0]!.next(limit())).toEqual(batch(tested, 1));
      await release(leases);
    });

    test('a reader that waits rejects with the reason of its signal, and loses nothing by it', async () => {
      await using tested = await make(small);
      await using link = await tested.open();
      const leases = await take(link, 1);
      const stop = new AbortController();
      const reason = new Error('stopped');
      const waiting = expect(leases[0]!.next(stop.signal)).rejects.toBe(reason);
      await tested.settle();
      stop.abort(reason);
      await waiting;
      await link.writer.begin(0, 0, limit());
      await link.writer.append(0, batch(tested, 0), limit());
      expect(await leases[0]!.next(limit())).toEqual(batch(tested, 0));
      await release(leases);
    });

    test('the durable watermark never goes back, and never passes what was appended', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.nat(12), { minLength: 1, maxLength: 12 }), async (commits) => {
          await using tested = await make(small);
          await using link = await tested.open();
          const leases = await take(link, 1);
          await link.writer.begin(0, 0, limit());
          let [durable, committed] = [link.writer.durable(0), 0];
          expect(durable).toBe(0);
          for (const [sequence, wish] of commits.entries()) {
            await link.writer.append(0, batch(tested, sequence), limit());
            await leases[0]!.next(limit());
            const commit = Math.min(wish, sequence + 1);
            await leases[0]!.commit(commit);
            committed = Math.max(committed, commit);
            expect(link.writer.durable(0)).toBeGreaterThanOrEqual(durable);
            durable = link.writer.durable(0);
            expect(durable).toBeLessThanOrEqual(sequence + 1);
            if (!can.lasting) expect(durable).toBe(committed);
          }
          await link.writer.end(0, limit());
          if (can.lasting) expect(link.writer.durable(0)).toBe(commits.length);
          await release(leases);
        }),
        { numRuns: runs },
      );
    });

    test('end with an aborted signal lets go at once', async () => {
      await using tested = await make(small);
      await using link = await tested.open();
      await link.writer.begin(0, 0, limit());
      await link.writer.append(0, batch(tested, 0), limit());
      await link.writer.end(0, AbortSignal.abort()).catch(() => undefined);
      expect(await link.writer.begin(0, 0, limit())).toBeLessThanOrEqual(1);
      await link.writer.end(0, limit());
    });

    if (can.bounded)
      describe('bounded', () => {
        test('an append waits while its partition is full, and goes on when it is read', async () => {
          await using tested = await make({ partitions: 1, partitionBytes: 100 });
          await using link = await tested.open();
          const leases = await take(link, 1);
          await link.writer.begin(0, 0, limit());
          let accepted = 0;
          const writing = (async () => {
            for (const [sequence, size] of [60, 40, 1, 500].entries()) {
              await link.writer.append(0, batch(tested, sequence, size), limit());
              accepted += 1;
            }
          })();
          for (const expected of [2, 3, 3, 4]) {
            await tested.settle();
            expect(accepted).toBe(expected);
            await leases[0]!.next(limit());
          }
          await writing;
          await release(leases);
        });

        test('an append that was aborted while it waited leaves nothing', async () => {
          await using tested = await make({ partitions: 1, partitionBytes: 10 });
          await using link = await tested.open();
          const leases = await take(link, 1);
          await link.writer.begin(0, 0, limit());
          await link.writer.append(0, batch(tested, 0, 10), limit());
          const stop = new AbortController();
          const reason = new Error('stopped');
          const waiting = expect(link.writer.append(0, batch(tested, 1, 10), stop.signal)).rejects.toBe(reason);
          await tested.settle();
          stop.abort(reason);
          await waiting;
          await leases[0]!.next(limit());
          await link.writer.append(0, batch(tested, 2, 10), limit());
          expect(await leases[0]!.next(limit())).toEqual(batch(tested, 2, 10));
          await release(leases);
        });
      });

    if (can.lasting)
      describe('lasting', () => {
        test('what end has made durable is read by a process that comes later', async () => {
          await using tested = await make(small);
          {
            await using link = await tested.open();
            await link.writer.begin(0, 0, limit());
            await write(tested, link, 0, [1, 1, 1]);
            await link.writer.end(0, limit());
            expect(link.writer.durable(0)).toBeGreaterThanOrEqual(3);
          }
          await using link = await tested.open();
          const leases = await take(link, 1);
          for (const sequence of [0, 1, 2]) expect(await leases[0]!.next(limit())).toEqual(batch(tested, sequence));
          expect(await leases[0]!.next(limit())).toEqual(end(3));
          await release(leases);
        });

        test('the next holder begins at what was committed, or where it seeks', async () => {
          await using tested = await make(small);
          {
            await using link = await tested.open();
            await link.writer.begin(0, 0, limit());
            await write(tested, link, 0, [1, 1, 1, 1, 1]);
            await link.writer.end(0, limit());
          }
          for (const [begin, commit] of [
            [0, 2],
            [2, 2],
          ] as const) {
            await using link = await tested.open();
            const leases = await take(link, 1);
            for (let sequence = begin; sequence < 5; sequence += 1) {
              expect(await leases[0]!.next(limit())).toEqual(batch(tested, sequence));
            }
            await leases[0]!.commit(commit);
            await release(leases);
          }
          await using link = await tested.open();
          const leases = await take(link, 1);
          leases[0]!.seek(3);
          expect(await leases[0]!.next(limit())).toEqual(batch(tested, 3));
          await release(leases);
        });

        test('a commit never goes back', async () => {
          await using tested = await make(small);
          {
            await using link = await tested.open();
            await link.writer.begin(0, 0, limit());
            await write(tested, link, 0, [1, 1, 1, 1]);
            await link.writer.end(0, limit());
            const leases = await take(link, 1);
            for (const sequence of [0, 1, 2, 3])
              expect(await leases[0]!.next(limit())).toEqual(batch(tested, sequence));
            for (const commit of [3, 1]) await leases[0]!.commit(commit);
            await release(leases);
          }
          await using link = await tested.open();
          const leases = await take(link, 1);
          expect(await leases[0]!.next(limit())).toEqual(batch(tested, 3));
          await release(leases);
        });

        test('every holder is told the end, also when all before it was committed and the end was read', async () => {
          await using tested = await make({ partitions: 2, partitionBytes: 1_000 });
          {
            await using link = await tested.open();
            for (const partition of [0, 1]) {
              await link.writer.begin(partition, partition, limit());
              await write(tested, link, partition, [1, 1, 1]);
              await link.writer.end(partition, limit());
            }
          }
          for (const rest of [3, 0]) {
            await using link = await tested.open();
            const leases = await take(link, 2);
            let batches = 0;
            for (const lease of leases) {
              let record = await lease.next(limit());
              for (; record.kind === 'batch'; batches += 1) record = await lease.next(limit());
              expect(record).toEqual(end(3));
              await lease.commit(record.sequence);
            }
            expect(batches).toBe(rest);
            await release(leases);
          }
        });

        test('batches that several writers append come once, known by their sequence', async () => {
          const lives = fc.array(fc.record({ again: fc.nat(4), more: fc.nat(4) }), { minLength: 1, maxLength: 4 });
          await fc.assert(
            fc.asyncProperty(lives, async (lives) => {
              await using tested = await make(small);
              let written = 0;
              for (const { again, more } of lives) {
                await using link = await tested.open();
                const from = Math.max(0, written - again);
                const next = await link.writer.begin(0, from, limit());
                for (let sequence = next; sequence < written + more; sequence += 1)
                  await link.writer.append(0, batch(tested, sequence), limit());
                written += more;
                await link.writer.end(0, limit());
              }
              await using link = await tested.open();
              await link.writer.begin(0, written, limit());
              await link.writer.append(0, end(written), limit());
              await link.writer.end(0, limit());
              const leases = await take(link, 1);
              for (let sequence = 0; sequence < written; sequence += 1)
                expect(await leases[0]!.next(limit())).toEqual(batch(tested, sequence));
              expect(await leases[0]!.next(limit())).toEqual(end(written));
              await release(leases);
            }),
            { numRuns: runs },
          );
        });

        test('a revoked lease takes nothing new, commits what it finished, and is given on when it is let go', async () => {
          await using tested = await make(small);
          await using first = await tested.open();
          await first.writer.begin(0, 0, limit());
          await write(tested, first, 0, [1, 1, 1]);
          await first.writer.end(0, limit());
          const firsts = leasesOf(first);
          const held = await firsts.next();
          await held.next(limit());
          await using second = await tested.open();
          const seconds = leasesOf(second);
          const given = either(firsts, seconds);
          given.catch(() => undefined);
          await aborted(held.revoked);
          await expect(held.next(limit())).rejects.toBe(held.revoked.reason);
          await held.commit(1);
          expect(held.lost.aborted).toBe(false);
          await held[Symbol.asyncDispose]();
          const next = await given;
          expect(await next.next(limit())).toEqual(batch(tested, 1));
          await next[Symbol.asyncDispose]();
        });

        test('who does not let go loses the partition, and can commit nothing more', async () => {
          await using tested = await make(small);
          await using first = await tested.open();
          await first.writer.begin(0, 0, limit());
          await write(tested, first, 0, [1, 1]);
          await first.writer.end(0, limit());
          const firsts = leasesOf(first);
          const held = await firsts.next();
          await held.next(limit());
          await using second = await tested.open();
          const seconds = leasesOf(second);
          const next = await either(firsts, seconds);
          expect(held.lost.aborted).toBe(true);
          // A link that commits from time to time may notice later, but never commits it.
          await held.commit(1).catch(() => undefined);
          await expect(held.next(limit())).rejects.toMatchObject({ code: 'KAFKA_FENCED' });
          await held[Symbol.asyncDispose]();
          expect(await next.next(limit())).toEqual(batch(tested, 0));
          await next[Symbol.asyncDispose]();
          await first[Symbol.asyncDispose]();
          await second[Symbol.asyncDispose]();
          await using third = await tested.open();
          const leases = await take(third, 1);
          expect(await leases[0]!.next(limit())).toEqual(batch(tested, 0));
          await release(leases);
        });
      });
  });
}

interface Leases<T> {
  next(): Promise<PartitionLease<T>>;
}

function leasesOf<T>(link: Link<T>): Leases<T> {
  const iterator = link.reader.leases(limit())[Symbol.asyncIterator]();
  return {
    next: async () => {
      const result = await iterator.next();
      if (result.done === true) throw new Error('no partition will come any more');
      return result.value;
    },
  };
}

/** The first leases of a link's only reader, by partition. */
async function take<T>(link: Link<T>, count: number): Promise<readonly PartitionLease<T>[]> {
  const leases = leasesOf(link);
  const taken: PartitionLease<T>[] = [];
  while (taken.length < count) taken.push(await leases.next());
  return taken.toSorted((a, b) => a.partition - b.partition);
}

/** Whoever is given the next lease. The other one is given none, and learns at the end that there is none. */
async function either<T>(one: Leases<T>, other: Leases<T>): Promise<PartitionLease<T>> {
  const both = [one.next(), other.next()];
  for (const each of both) each.catch(() => undefined);
  return Promise.race(both);
}

async function release<T>(leases: readonly PartitionLease<T>[]): Promise<void> {
  for (const lease of leases) await lease[Symbol.asyncDispose]();
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
