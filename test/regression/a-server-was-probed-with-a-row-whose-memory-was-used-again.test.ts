import { expect, test } from 'vitest';
import { encodeRecords } from '../../src/core/canonical-csv.ts';
import { SluiceError } from '../../src/core/error.ts';
import { RowBatch } from '../../src/core/row-batch.ts';
import { schemaOf } from '../../src/core/schema.ts';
import type { Scorer, Scores } from '../../src/core/scorer.ts';
import { fixedLimiter } from '../../src/scoring/limiter/fixed-limiter.ts';
import { withPolicies } from '../../src/scoring/scorer-stack.ts';
import { ServerHealth } from '../../src/scoring/server-health.ts';
import { arithmeticScorer } from '../support/arithmetic-scorer.ts';
import { HurriedClock } from '../support/hurried-clock.ts';
import { ManualClock } from '../support/manual-clock.ts';

/**
 * A server that answers 500 is asked for a row that it scored before. What was kept of that row was its batch, released long ago: reading it
 * ended the job (CONTRACT_BROKEN), and of a slice of it the server got whatever stood in that memory by then.
 */
const NOTHING: Scores = {
  rows: 2,
  columns: [],
  bytes: new Uint8Array(0),
  ends: new Uint32Array(0),
  failures: [],
  model: null,
};
const never = new AbortController().signal;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** A batch in memory that is used again as soon as it is released. */
function pooled(...rows: readonly (readonly string[])[]): RowBatch {
  const { bytes, ends } = encodeRecords(rows);
  const origin = { split: 's', firstRow: 0, after: null, position: rows.length, rejected: [] };
  return RowBatch.fromCsv(schemaOf(['id', 'text']), origin, bytes, ends, () => bytes.fill(0x2a));
}

test('the row is the one that was scored, after its batch was released', () => {
  const health = new ServerHealth(new ManualClock());
  const batch = pooled(['1', 'bad'], ['2', 'good']);
  health.succeeded(batch, { ...NOTHING, failures: [{ row: 0, reason: 'bad', attempts: 1 }] });
  batch.release();
  expect(text(health.goodRow!.bytes)).toBe('2,good\n');
});

test('so it is when a slice of the batch was sent', () => {
  const health = new ServerHealth(new ManualClock());
  const batch = pooled(['1', 'one'], ['2', 'two'], ['3', 'three']);
  health.succeeded(batch.slice(1, 3), NOTHING);
  batch.release();
  expect(text(health.goodRow!.bytes)).toBe('2,two\n');
});

test('a fast run does not copy a row of every batch, and a long one does not keep the first for ever', () => {
  const clock = new ManualClock();
  const health = new ServerHealth(clock);
  const rowAfter = (ms: number, id: string): string => {
    clock.advance(ms);
    const batch = pooled([id, '']);
    health.succeeded(batch, NOTHING);
    batch.release();
    return text(health.goodRow!.bytes);
  };
  expect(rowAfter(0, '1')).toBe('1,""\n');
  expect(rowAfter(9_999, '2')).toBe('1,""\n');
  expect(rowAfter(1, '3')).toBe('3,""\n');
});

test('a batch of nothing but bad rows is told from a server that fails, by a row of a batch that was released', async () => {
  const sent: string[] = [];
  const inner = arithmeticScorer();
  const failing: Scorer = {
    ...inner,
    score: async (batch, signal) => {
      sent.push(text(batch.bytes));
      if (text(batch.bytes).includes('bad')) throw new SluiceError('SERVER_FAULT', 'answered 500');
      return await inner.score(batch, signal);
    },
  };
  const ports = { clock: new HurriedClock([]), limiter: fixedLimiter(1), pin: { model: null }, target: 'd' };
  const { rows } = withPolicies(failing, { numConcurrent: 1 }, ports);
  const first = pooled(['1', 'one'], ['2', 'two']);
  await rows.score(first, never);
  first.release();
  const { failures } = await rows.score(pooled(['3', 'bad'], ['4', 'bad']), never);
  expect(failures.map(({ row }) => row)).toEqual([0, 1]);
  expect(sent).toContain('1,one\n');
});
