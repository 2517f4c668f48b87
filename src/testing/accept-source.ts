import assert from 'node:assert/strict';
import type { BatchLimits } from '../core/batch-limits.ts';
import { canonicalJson, type Json } from '../core/json.ts';
import type { Position } from '../core/position.ts';
import type { RowBatch } from '../core/row-batch.ts';
import { columnNames } from '../core/schema.ts';
import type { Source, Split } from '../core/source.ts';
import type { AcceptanceCheck } from './acceptance-check.ts';
import type { SourceDriver } from './source-driver.ts';

type Clause = (driver: SourceDriver, signal: AbortSignal) => Promise<void>;

const SMALL: BatchLimits = { rows: 3, bytes: 1024 * 1024, lingerMs: 60_000 };
const BY_BYTES: BatchLimits = { rows: 1000, bytes: 150, lingerMs: 60_000 };
const LARGE: BatchLimits = { rows: 1_000_000, bytes: 64 * 1024 * 1024, lingerMs: 60_000 };

/** The checks of a source that can be read again: identity, order, cuts, and continuation at every position. */
export function acceptSource(makeDriver: () => Promise<SourceDriver>): readonly AcceptanceCheck[] {
  return Object.entries(clauses).map(([name, clause]) => ({
    name,
    run: async () => {
      const driver = await makeDriver();
      try {
        await clause(driver, new AbortController().signal);
      } finally {
        await driver.close();
      }
    },
  }));
}

const clauses: Readonly<Record<string, Clause>> = {
  'all rows come in order, whatever the limits': async (driver, signal) => {
    for (const limits of [SMALL, BY_BYTES, LARGE]) {
      const { batches } = await readAll(driver, limits, signal);
      assert.deepEqual(recordsOf(batches), driver.records);
    }
  },

  'an unchanged intake has the same identity and splits on every run': async (driver, signal) => {
    const [one, two] = [await describe(driver, signal), await describe(driver, signal)];
    assert.notEqual(one.identity, null);
    assert.equal(canonicalJson(one.identity), canonicalJson(two.identity));
    assert.deepEqual(JSON.parse(JSON.stringify(one.identity)), one.identity);
    assert.deepEqual(one.splits, two.splits);
    assert.equal(new Set(one.splits.map((split) => split.id)).size, one.splits.length);
  },

  'a changed intake has another identity': async (driver, signal) => {
    const before = await describe(driver, signal);
    await driver.change();
    const after = await describe(driver, signal);
    assert.notEqual(canonicalJson(before.identity), canonicalJson(after.identity));
  },

  'every run cuts the same batches': async (driver, signal) => {
    for (const limits of [SMALL, BY_BYTES]) {
      const [one, two] = [await readAll(driver, limits, signal), await readAll(driver, limits, signal)];
      assert.deepEqual(one.batches.map(shape), two.batches.map(shape));
    }
  },

  'a batch keeps to the limits, unless it is a single row': async (driver, signal) => {
    for (const limits of [SMALL, BY_BYTES]) {
      const { batches } = await readAll(driver, limits, signal);
      for (const batch of batches) {
        assert.ok(batch.rows <= limits.rows, `${batch.rows} rows in a batch of at most ${limits.rows}`);
        assert.ok(batch.rows === 1 || batch.bytes.length <= limits.bytes, `${batch.bytes.length} bytes in a batch`);
      }
    }
  },

  'each batch starts where the one before it ended, and rows are numbered in their split': async (driver, signal) => {
    const { batches } = await readAll(driver, SMALL, signal);
    for (const [split, own] of Map.groupBy(batches, (batch) => batch.origin.split)) {
      let after: Position | null = null;
      let row = 0;
      for (const { origin, rows } of own) {
        assert.deepEqual(origin.after, after, split);
        assert.equal(origin.firstRow, row, split);
        if (origin.lines !== undefined) assert.equal(origin.lines.length, rows);
        after = origin.position;
        row += rows;
      }
    }
  },

  'all batches have the same columns': async (driver, signal) => {
    const { batches } = await readAll(driver, SMALL, signal);
    const names = new Set(batches.map((batch) => JSON.stringify(columnNames(batch.schema))));
    assert.equal(names.size, 1, [...names].join(' and '));
  },

  'continuing at any position, by a new run, gives exactly the batches behind it': async (driver, signal) => {
    const whole = await readAll(driver, SMALL, signal);
    for (const [index, batch] of whole.batches.entries()) {
      const rest = await readFrom(driver, batch.origin.split, stored(batch.origin.position), SMALL, signal);
      assert.deepEqual(rest.map(shape), whole.batches.slice(index + 1).map(shape), `after batch ${index}`);
    }
  },

  'continuing with other limits gives the same rows': async (driver, signal) => {
    const whole = await readAll(driver, SMALL, signal);
    const done = recordsOf(whole.batches.slice(0, 3)).length;
    const { origin } = whole.batches[2]!;
    for (const limits of [BY_BYTES, LARGE]) {
      const rest = await readFrom(driver, origin.split, stored(origin.position), limits, signal);
      assert.deepEqual(recordsOf(rest), driver.records.slice(done));
    }
  },

  'leaving a read early frees it, and the source can be closed': async (driver, signal) => {
    await using source = driver.source();
    await source.identity(signal);
    const [split] = await source.splits(signal);
    for await (const batch of source.read(split!, null, SMALL, signal)) {
      assert.ok(batch.rows > 0);
      break;
    }
  },

  'an aborted read rejects with the reason of the abort': async (driver, signal) => {
    await using source = driver.source();
    await source.identity(signal);
    const splits = await source.splits(signal);
    const aborting = new AbortController();
    const reason = new Error('stopped by the check');
    const read = async (): Promise<void> => {
      for (const split of splits) {
        for await (const batch of source.read(split, null, SMALL, aborting.signal)) {
          assert.ok(batch.rows > 0);
          aborting.abort(reason);
        }
      }
    };
    const outcome = await read().then(
      () => 'the read came to its end',
      (error: unknown) => error,
    );
    assert.equal(outcome, reason);
  },

  'at the end as many bytes have been read as the splits hold': async (driver, signal) => {
    const { bytesRead, splits } = await readAll(driver, LARGE, signal);
    if (splits.some((split) => split.bytes === null)) return;
    const total = splits.reduce((sum, split) => sum + split.bytes!, 0);
    assert.equal(bytesRead, total);
  },
};

async function describe(
  driver: SourceDriver,
  signal: AbortSignal,
): Promise<{ readonly identity: Json; readonly splits: readonly Split[] }> {
  await using source = driver.source();
  return { identity: await source.identity(signal), splits: await source.splits(signal) };
}

async function readAll(
  driver: SourceDriver,
  limits: BatchLimits,
  signal: AbortSignal,
): Promise<{
  readonly batches: readonly RowBatch[];
  readonly bytesRead: number;
  readonly splits: readonly Split[];
}> {
  await using source = driver.source();
  await source.identity(signal);
  const splits = await source.splits(signal);
  const batches = await collect(source, splits, null, limits, signal);
  return { batches, bytesRead: source.bytesRead, splits };
}

/** What a new run reads behind a position of a split: the rest of it, and the splits that follow. */
async function readFrom(
  driver: SourceDriver,
  id: string,
  after: Position,
  limits: BatchLimits,
  signal: AbortSignal,
): Promise<readonly RowBatch[]> {
  await using source = driver.source();
  await source.identity(signal);
  const splits = await source.splits(signal);
  const at = splits.findIndex((split) => split.id === id);
  return await collect(source, splits.slice(at), after, limits, signal);
}

async function collect(
  source: Source,
  splits: readonly Split[],
  after: Position | null,
  limits: BatchLimits,
  signal: AbortSignal,
): Promise<readonly RowBatch[]> {
  const batches: RowBatch[] = [];
  for (const [index, split] of splits.entries()) {
    for await (const batch of source.read(split, index === 0 ? after : null, limits, signal)) batches.push(batch);
  }
  return batches;
}

function recordsOf(batches: readonly RowBatch[]): (string | null)[][] {
  return batches.flatMap((batch) =>
    batch.records().map((record) => record.map((value) => (value === null ? null : String(value)))),
  );
}

/** All of a batch that a continuation must give again. */
function shape({ origin, rows, bytes, ends }: RowBatch): unknown {
  const { lines, rejected, ...place } = origin;
  return {
    place,
    rows,
    lines: lines === undefined ? null : [...lines],
    rejected: rejected.map(({ line, reason }) => ({ line, reason })),
    text: new TextDecoder().decode(bytes),
    ends: [...ends],
  };
}

/** A position as it comes back from a ledger. */
function stored(position: Position): Position {
  return JSON.parse(JSON.stringify(position)) as Position;
}
