import { decodeField, fieldBounds } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import type { CompareOptions } from './compare-options.ts';
import { type ComparePlan, comparePlan } from './compare-plan.ts';
import type { Comparison } from './comparison.ts';
import { KeyedRows } from './keyed-rows.ts';
import { type RecordAt, RowComparer } from './row-comparer.ts';
import { RowReading } from './row-reading.ts';
import { openScoredOutput, type ScoredOutput } from './scored-output.ts';

const MEMORY_BYTES = 512 * 1024 * 1024;

interface RowCounts {
  readonly a: number;
  readonly b: number;
}

/**
 * Compares two scored outputs: CSV files, folders of parts or patterns, compressed or not. Reads each once; memory is
 * bounded, by key by `memoryBytes`. Columns are matched by name, whatever their order.
 *
 * Throws CONFIG_INVALID when the columns or (without key) the numbers of rows differ, when a key is blank or is met twice (not
 * looked for among rows that b alone has), and when a join takes too much memory; COLUMN_UNKNOWN when an option names a column that is not there; and what reading throws.
 */
export async function compareOutputs(pathA: string, pathB: string, options: CompareOptions = {}): Promise<Comparison> {
  const {
    key = null,
    tolerance = 1e-9,
    csvSettings = {},
    access = {},
    signal = new AbortController().signal,
  } = options;
  await using a = await openScoredOutput(pathA, csvSettings, access, signal);
  await using b = await openScoredOutput(pathB, csvSettings, access, signal);
  const columns = a.columns ?? b.columns;
  // Without a row on either side no column is known, and none needs to be.
  const plan: ComparePlan =
    columns === null
      ? { columns: [], key: [] }
      : comparePlan(
          { name: a.name, columns: a.columns ?? columns },
          { name: b.name, columns: b.columns ?? columns },
          options,
        );
  if (key === null) {
    const comparer = new RowComparer(plan, tolerance);
    return comparison(a, b, options, comparer, await compareInOrder(a, b, comparer));
  }
  const kept = { ...plan, columns: plan.columns.map((column, i) => ({ ...column, a: i })) };
  const comparer = new RowComparer(kept, tolerance);
  const cells = plan.columns.map((column) => column.a);
  const rows = new KeyedRows(a.name, cells, options.memoryBytes ?? MEMORY_BYTES);
  return comparison(a, b, options, comparer, await compareByKey(a, b, plan, rows, comparer));
}

/** Pairs rows by their place; the number of either side must be the same. */
async function compareInOrder(a: ScoredOutput, b: ScoredOutput, comparer: RowComparer): Promise<RowCounts> {
  const left = new RowReading(a);
  const right = new RowReading(b);
  for (;;) {
    const rows = Math.min(await left.available(), await right.available());
    if (rows === 0) break;
    for (let i = 0; i < rows; i += 1) comparer.compare(left.take(), right.take());
  }
  const counts = { a: await left.countAll(), b: await right.countAll() };
  if (counts.a === counts.b) return counts;
  throw new SluiceError(
    'CONFIG_INVALID',
    `${a.name} has ${counts.a} rows and ${b.name} has ${counts.b}, so they cannot be paired by their place. ` +
      'Name the column that tells rows apart with --key.',
  );
}

async function compareByKey(
  a: ScoredOutput,
  b: ScoredOutput,
  plan: ComparePlan,
  rows: KeyedRows,
  comparer: RowComparer,
): Promise<RowCounts> {
  const left = new RowReading(a);
  const right = new RowReading(b);
  const keyOfA = keyReader(
    plan.key.map((column) => ({ name: column.name, at: column.a })),
    left,
  );
  const keyOfB = keyReader(
    plan.key.map((column) => ({ name: column.name, at: column.b })),
    right,
  );
  for (let count = await left.available(); count > 0; count = await left.available()) {
    for (let i = 0; i < count; i += 1) {
      const record = left.take();
      const key = keyOfA(record);
      if (!rows.add(key, record.bytes, record.start)) throw notUnique(left, key);
    }
  }
  const found: RecordAt = { bytes: Buffer.alloc(0), start: 0, end: 0 };
  for (let count = await right.available(); count > 0; count = await right.available()) {
    for (let i = 0; i < count; i += 1) {
      const record = right.take();
      const key = keyOfB(record);
      const outcome = rows.take(key, found);
      if (outcome === 'taken') throw notUnique(right, key);
      if (outcome === 'found') comparer.compare(found, record);
    }
  }
  return { a: left.rows, b: right.rows };
}

/** Reads the key of a record as text. */
function keyReader(
  columns: readonly { readonly name: string; readonly at: number }[],
  reading: RowReading,
): (record: RecordAt) => string {
  const bounds = new Uint32Array(2 * (columns.reduce((most, { at }) => Math.max(most, at), -1) + 1));
  return ({ bytes, start }) => {
    fieldBounds(bytes, start, bounds);
    const texts = columns.map(({ name, at }) => {
      const text = decodeField(bytes, bounds[2 * at]!, bounds[2 * at + 1]!);
      if (text !== null) return text;
      throw new SluiceError(
        'CONFIG_INVALID',
        `Row ${reading.rows} of ${reading.name} has no value in "${name}", the column of --key; choose one that every row has.`,
      );
    });
    return texts.length === 1 ? texts[0]! : JSON.stringify(texts);
  };
}

function notUnique(reading: RowReading, key: string): SluiceError {
  const shown = key.length > 80 ? `${key.slice(0, 77)}...` : key;
  return new SluiceError(
    'CONFIG_INVALID',
    `Row ${reading.rows} of ${reading.name} has the key ${shown}, which a row before it has, too; give --key columns that tell every row apart.`,
  );
}

function comparison(
  a: ScoredOutput,
  b: ScoredOutput,
  options: CompareOptions,
  comparer: RowComparer,
  counts: RowCounts,
): Comparison {
  const { compared, changed, columns } = comparer;
  const [onlyInA, onlyInB] = [counts.a - compared, counts.b - compared];
  const differing = changed + onlyInA + onlyInB;
  return {
    a: a.name,
    b: b.name,
    key: options.key ?? null,
    tolerance: options.tolerance ?? 1e-9,
    rows: { ...counts, compared, onlyInA, onlyInB },
    changed: { rows: changed, share: share(changed, compared) },
    differing: { rows: differing, share: share(differing, compared + onlyInA + onlyInB) },
    columns: columns.map(({ name, changed }) => ({ name, changed })),
    scores: columns.map(({ shift }) => shift).filter((shift) => shift !== null),
    labels: columns.map((column) => column.flips(compared)).filter((flips) => flips !== null),
  };
}

function share(rows: number, of: number): number {
  return of === 0 ? 0 : rows / of;
}
