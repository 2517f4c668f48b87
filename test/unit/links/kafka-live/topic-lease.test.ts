import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BatchLimits } from '../../../../src/core/batch-limits.ts';
import { SluiceError } from '../../../../src/core/error.ts';
import type { MessageReader } from '../../../../src/core/message-format.ts';
import type { RowBatch } from '../../../../src/core/row-batch.ts';
import { TopicLease, type TopicLeaseOptions } from '../../../../src/links/kafka/live/topic-lease.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { type LogEntry, TopicLog, tinyReader } from './topic-log.ts';

const never = new AbortController().signal;
const LARGE: BatchLimits = { rows: 1000, bytes: 1 << 20, lingerMs: 50 };

function leaseOf(log: TopicLog, clock: ManualClock, options: Partial<TopicLeaseOptions> = {}, start = 0): TopicLease {
  return new TopicLease({
    assigned: log.assigned(start),
    partition: 7,
    start,
    high: async () => Number.POSITIVE_INFINITY,
    until: null,
    limits: LARGE,
    messages: tinyReader(),
    clock,
    commitOffsets: true,
    onWait: () => undefined,
    onDisposed: () => undefined,
    ...options,
  });
}

/** Resolves when all that can go on without the clock has. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Every batch up to the end marker. */
async function allOf(lease: TopicLease): Promise<readonly RowBatch[]> {
  const batches: RowBatch[] = [];
  for (;;) {
    const record = await lease.next(never);
    if (record.kind === 'end') {
      expect(record.read).toBe(batches.reduce((sum, { rows, origin }) => sum + rows + origin.rejected.length, 0));
      return batches;
    }
    expect(record.sequence).toBe(record.value.origin.after);
    batches.push(record.value);
  }
}

/** Offset and text of every message of a batch, rows and rejected records together, as the batch has them. */
function messagesOf(batch: RowBatch): readonly (readonly [number, string])[] {
  const { origin } = batch;
  expect(origin.envelopes).toHaveLength(batch.rows);
  const rows = batch.records().map((fields, index): [number, string] => {
    expect(origin.envelopes![index]!.offset).toBe(origin.lines![index]);
    expect(new Set(fields).size).toBe(1);
    return [origin.lines![index]!, `${fields.length}:${fields[0]}`];
  });
  const rejected = origin.rejected.map((each): [number, string] => [each.line, new TextDecoder().decode(each.bytes)]);
  return [...rows, ...rejected].toSorted(([a], [b]) => a - b);
}

const entry: fc.Arbitrary<LogEntry> = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[12]:[a-z]{1,4}$/) },
  { weight: 2, arbitrary: fc.stringMatching(/^1:[a-z]{1,4}$/) },
  { weight: 1, arbitrary: fc.stringMatching(/^poison[a-z]{0,3}$/) },
  { weight: 1, arbitrary: fc.constant(null) },
);
const counts = fc.array(fc.nat(5), { maxLength: 8 }).map((some) => [...some, 2]);
const limitsOf = fc.record({
  rows: fc.integer({ min: 1, max: 8 }),
  bytes: fc.integer({ min: 1, max: 40 }),
  lingerMs: fc.constantFrom(0, 1, 50),
});

describe('a lease of a topic', () => {
  test('gives every message in exactly one batch, in order, in chained positions, whatever the polls, gaps and limits', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 60 }), counts, limitsOf, async (entries, polls, limits) => {
        const clock = new ManualClock();
        const stop = clock.autoAdvance();
        const lease = leaseOf(new TopicLog(entries, clock, polls), clock, { until: entries.length, limits });
        const batches = await allOf(lease);
        stop();
        const expected = entries.flatMap((text, offset) => (text === null ? [] : [[offset, text] as const]));
        expect(batches.flatMap(messagesOf)).toEqual(expected);
        let after = 0;
        for (const { origin, rows, bytes } of batches) {
          expect(origin.after).toBe(after);
          expect(origin.position).toBeGreaterThan(after);
          after = origin.position as number;
          const messages = rows + origin.rejected.length;
          expect(messages).toBeGreaterThan(0);
          expect(messages).toBeLessThanOrEqual(limits.rows);
          if (rows > 1) expect(bytes.length).toBeLessThanOrEqual(limits.bytes);
          if (rows > 0) expect(origin.firstRow).toBe(origin.lines![0]);
          expect(origin.split).toBe('input/3');
        }
      }),
      { numRuns: 300 },
    );
  });

  test('a reader that begins at any boundary gives the same following messages', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { maxLength: 25 }),
        counts,
        counts,
        limitsOf,
        async (entries, one, two, limits) => {
          const clock = new ManualClock();
          const stop = clock.autoAdvance();
          const options = { until: entries.length, limits };
          const whole = await allOf(leaseOf(new TopicLog(entries, clock, one), clock, options));
          for (const [index, { origin }] of whole.entries()) {
            const rest = leaseOf(new TopicLog(entries, clock, two), clock, options);
            rest.seek(origin.position as number);
            expect((await allOf(rest)).flatMap(messagesOf)).toEqual(whole.slice(index + 1).flatMap(messagesOf));
          }
          stop();
        },
      ),
      { numRuns: 60 },
    );
  });

  test('messages that are waiting start no timer', async () => {
    const clock = new ManualClock();
    const log = new TopicLog(['1:a', '1:b', '1:c', '1:d'], clock, [2]);
    const lease = leaseOf(log, clock, { limits: { ...LARGE, rows: 4 } });
    const record = await lease.next(never);
    assert(record.kind === 'batch');
    expect(record.value.rows).toBe(4);
    expect(clock.slept).toEqual([]);
  });

  test('a linger counts from the first message, however long that was waited for', async () => {
    const clock = new ManualClock();
    const log = new TopicLog([], clock);
    const lease = leaseOf(log, clock);
    const coming = lease.next(never);
    clock.advance(10_000);
    log.append('1:a');
    await clock.asleep();
    expect(clock.slept).toEqual([50]);
    log.append('1:b');
    clock.advance(50);
    const record = await coming;
    assert(record.kind === 'batch');
    expect(record.sequence).toBe(0);
    expect(record.value.rows).toBeGreaterThan(0);
  });

  test('what waited while its holder was busy has lingered for as long', async () => {
    const clock = new ManualClock();
    const log = new TopicLog(['1:a'], clock);
    const lease = leaseOf(log, clock);
    log.waitingSince = clock.now();
    clock.advance(30);
    const coming = lease.next(never);
    await clock.asleep();
    expect(clock.slept).toEqual([20]);
    clock.advance(20);
    expect((await coming).kind).toBe('batch');
    log.append('1:b');
    log.waitingSince = clock.now();
    clock.advance(60);
    expect((await lease.next(never)).kind).toBe('batch');
    expect(clock.slept).toEqual([20]);
  });

  test('a batch of poison has no rows, but a place and its rejected records', async () => {
    const clock = new ManualClock();
    const lease = leaseOf(new TopicLog(['poison', null, 'poison'], clock), clock, { until: 3 });
    const [batch, ...others] = await allOf(lease);
    expect(others).toEqual([]);
    expect(batch!.rows).toBe(0);
    expect(batch!.origin).toMatchObject({ after: 0, position: 3 });
    expect(batch!.origin.rejected.map(({ line, reason, envelope }) => [line, reason, envelope?.offset])).toEqual([
      [0, 'no row', 0],
      [2, 'no row', 2],
    ]);
  });

  test('a registry that is away costs time and no message, and the wait is told', async () => {
    const clock = new ManualClock();
    let away = 3;
    const tiny = tinyReader();
    const reader: MessageReader = {
      read: async (messages, signal) => {
        away -= 1;
        if (away >= 0) throw new SluiceError('REGISTRY_UNREACHABLE', 'the registry is away');
        return tiny.read(messages, signal);
      },
    };
    const waits: (string | null)[] = [];
    const stop = clock.autoAdvance();
    const log = new TopicLog(['1:a', '1:b', '1:c', '1:d', '1:e'], clock, [1]);
    const lease = leaseOf(log, clock, { messages: reader, until: 5, onWait: (reason) => waits.push(reason) });
    const batches = await allOf(lease);
    stop();
    expect(batches.flatMap(messagesOf).map(([, text]) => text)).toEqual(['1:a', '1:b', '1:c', '1:d', '1:e']);
    expect(waits).toEqual(['the registry is away', null]);
    expect(clock.slept.slice(0, 3)).toEqual([150, 300, 600]);
  });

  test('a next that was aborted while it waited for the registry has lost nothing', async () => {
    const clock = new ManualClock();
    let away = true;
    const tiny = tinyReader();
    const reader: MessageReader = {
      read: async (messages, signal) => {
        if (away) throw new SluiceError('REGISTRY_UNREACHABLE', 'the registry is away');
        return tiny.read(messages, signal);
      },
    };
    const lease = leaseOf(new TopicLog(['1:a', '1:b'], clock), clock, { messages: reader, until: 2 });
    const stopping = new AbortController();
    const coming = lease.next(stopping.signal);
    await clock.asleep();
    const reason = new Error('stop');
    stopping.abort(reason);
    await expect(coming).rejects.toBe(reason);
    away = false;
    expect((await allOf(lease)).flatMap(messagesOf)).toHaveLength(2);
  });

  test('an error that waiting does not mend comes out', async () => {
    const clock = new ManualClock();
    const fault = new SluiceError('MESSAGE_SCHEMA', 'no such subject');
    const lease = leaseOf(new TopicLog(['1:a'], clock), clock, { messages: { read: () => Promise.reject(fault) } });
    await expect(lease.next(never)).rejects.toBe(fault);
  });

  test('after the revocation nothing new is given', async () => {
    const clock = new ManualClock();
    const log = new TopicLog(['1:a', '1:b'], clock);
    const lease = leaseOf(log, clock, { limits: { ...LARGE, rows: 1 } });
    await lease.next(never);
    const reason = new Error('rebalanced');
    log.revoking.abort(reason);
    await expect(lease.next(never)).rejects.toBe(reason);
  });

  test('offsets are committed at most once in half a second, merged, and all of them when the lease is disposed of', async () => {
    const clock = new ManualClock();
    const log = new TopicLog(
      Array.from({ length: 20 }, () => '1:a'),
      clock,
    );
    const lease = leaseOf(log, clock);
    for (const offset of [1, 2, 3]) await lease.commit(offset);
    await clock.asleep();
    expect(log.committed).toEqual([1]);
    await lease.commit(4);
    clock.advance(499);
    await settled();
    expect(log.committed).toEqual([1]);
    clock.advance(1);
    await settled();
    expect(log.committed).toEqual([1, 4]);
    expect(lease.committed).toBe(4);
    await lease.commit(9);
    await lease[Symbol.asyncDispose]();
    expect(log.committed).toEqual([1, 4, 9]);
    expect(clock.sleepers).toBe(0);
  });

  test('where a writer holds the offsets none is committed, but for the end that no message has', async () => {
    const clock = new ManualClock();
    const stop = clock.autoAdvance();
    const log = new TopicLog(['1:a', null, null], clock);
    const lease = leaseOf(log, clock, { commitOffsets: false, until: 3 });
    await allOf(lease);
    await lease.commit(1);
    expect(log.committed).toEqual([]);
    await lease[Symbol.asyncDispose]();
    stop();
    expect(log.committed).toEqual([3]);
  });

  test('nothing is committed for a partition that is lost', async () => {
    const clock = new ManualClock();
    const log = new TopicLog(['1:a', '1:b', '1:c'], clock);
    const lease = leaseOf(log, clock);
    await lease.commit(1);
    await lease.commit(2);
    log.losing.abort(new Error('lost'));
    await expect(lease.commit(3)).rejects.toMatchObject({ code: 'KAFKA_FENCED' });
    await lease[Symbol.asyncDispose]();
    expect(log.committed).not.toContain(3);
    expect(log.committed).not.toContain(2);
  });

  test('an end that only markers lead to is reached', async () => {
    const clock = new ManualClock();
    const stop = clock.autoAdvance();
    const lease = leaseOf(new TopicLog(['1:a', null, null, null], clock), clock, { until: 4 });
    expect(await allOf(lease)).toHaveLength(1);
    const empty = leaseOf(new TopicLog([null, null], clock), clock, { until: 2 });
    expect(await empty.next(never)).toEqual({ kind: 'end', sequence: 2, read: 0, complete: true });
    stop();
  });
});
