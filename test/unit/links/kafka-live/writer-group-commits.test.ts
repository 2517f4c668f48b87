import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PartitionRecords } from '../../../../src/links/kafka/client.ts';
import {
  type GroupCommitLimits,
  GroupCommits,
  TRANSACTION_LIMITS,
  type WriterPiece,
} from '../../../../src/links/kafka/live/writer-group-commits.ts';
import { WriterRequests } from '../../../../src/links/kafka/live/writer-requests.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const never = new AbortController().signal;

interface Commit {
  readonly at: number;
  readonly batches: readonly PartitionRecords[];
  readonly mark: number;
}

/** Commits that take `ms` each, by a clock that needs no time. */
function committing(limits: GroupCommitLimits, ms: number) {
  const clock = new ManualClock();
  const stop = clock.autoAdvance();
  const seen: Commit[] = [];
  const commits = new GroupCommits<number>({
    commit: async (requests, mark, signal) => {
      seen.push({ at: clock.now(), batches: requests.batches(), mark });
      await clock.sleep(ms, signal);
    },
    onDurable: () => undefined,
    onWait: () => undefined,
    limits,
    clock,
  });
  return { clock, commits, seen, stop };
}

function piece(mark: number, partition: number, bytes: number): WriterPiece<number> {
  const requests = new WriterRequests();
  requests.add('out', partition, { key: null, value: Buffer.from(`${mark}`), headers: [] }, bytes);
  return { requests, mark };
}

test('every piece is committed once, in order, and no part or commit holds more than it may', async () => {
  const pieces = fc.array(fc.record({ partition: fc.nat(2), bytes: fc.integer({ min: 1, max: 400 }) }), {
    maxLength: 60,
  });
  const limits = { maxPieces: 8, maxRequestBytes: 500, maxCommitBytes: 1_200, maxPendingBytes: 1e9, maxRestMs: 0 };
  await fc.assert(
    fc.asyncProperty(pieces, async (all) => {
      const { commits, seen, stop } = committing(limits, 5);
      commits.push(all.map(({ partition, bytes }, mark) => piece(mark, partition, bytes)));
      await commits.flush(never);
      stop();
      const sizeOf = (part: PartitionRecords): number =>
        part.records.reduce((sum, { value }) => sum + all[Number(String(value))]!.bytes, 0);
      for (const { batches } of seen) {
        for (const part of batches) expect(sizeOf(part)).toBeLessThanOrEqual(limits.maxRequestBytes);
        for (const parts of Map.groupBy(batches, ({ partition }) => partition).values())
          expect(parts.reduce((sum, part) => sum + sizeOf(part), 0)).toBeLessThanOrEqual(limits.maxCommitBytes);
        expect(batches.reduce((sum, { records }) => sum + records.length, 0)).toBeLessThanOrEqual(limits.maxPieces);
      }
      for (const partition of [0, 1, 2]) {
        const written = seen.flatMap(({ batches }) =>
          batches.filter((part) => part.partition === partition).flatMap(({ records }) => records),
        );
        const expected = all.flatMap((one, mark) => (one.partition === partition ? [`${mark}`] : []));
        expect(written.map(({ value }) => String(value))).toEqual(expected);
      }
      expect(seen.map(({ mark }) => mark)).toEqual(seen.map(({ mark }) => mark).toSorted((a, b) => a - b));
      expect(seen.at(-1)?.mark ?? -1).toBe(all.length - 1);
    }),
  );
});

const limits = { ...TRANSACTION_LIMITS, maxRequestBytes: 700_000, maxPendingBytes: 1e9 };

test('after a commit of much a rest as long as it took, in which others come together', async () => {
  const { clock, commits, seen, stop } = committing(limits, 40);
  commits.push([piece(0, 0, 100_000)]);
  await commits.flush(never);
  commits.push([piece(1, 0, 100_000)]);
  await clock.sleep(10, never);
  commits.push([piece(2, 0, 100_000)]);
  await commits.flush(never);
  stop();
  expect(seen.map(({ at, mark }) => [at, mark])).toEqual([
    [0, 0],
    [80, 2],
  ]);
});

test('after a long commit the rest is the longest that is allowed; after one of a few rows there is none', async () => {
  const { commits, seen, stop } = committing(limits, 1_000);
  for (const bytes of [100_000, 100, 100]) {
    commits.push([piece(seen.length, 0, bytes)]);
    await commits.flush(never);
  }
  stop();
  expect(seen.map(({ at }) => at)).toEqual([0, 1_100, 2_100]);
});

test('who gives up during a rest does not wait for its end', async () => {
  const clock = new ManualClock();
  const commits = new GroupCommits<number>({
    commit: async () => clock.advance(50),
    onDurable: () => undefined,
    onWait: () => undefined,
    limits,
    clock,
  });
  commits.push([piece(0, 0, 100_000)]);
  await commits.flush(never);
  commits.push([piece(1, 0, 100_000)]);
  const waiting = commits.flush(never);
  const reason = new Error('gone');
  commits.stop(reason);
  await expect(waiting).rejects.toBe(reason);
});
