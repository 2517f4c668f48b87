import type { SqlDialect } from './dialect.ts';
import type { SqlValue } from './driver.ts';
import type { ReadPlan } from './read-plan.ts';
import type { SqlColumn } from './sql-column.ts';

/** A part of an intake that is read by itself. */
export interface KeyRange {
  readonly id: string;
  /** Which rows, by the first key column; null for all of them. */
  readonly where: string | null;
}

const MOST_RANGES = 1000;

/**
 * Ranges of about so many rows, in the order of the key: where its first column is a whole number, by dividing what lies between
 * the smallest and the largest one evenly. All else is one range. The same for every run over the same rows.
 */
export function keyRanges(
  { name, key, bounds }: ReadPlan,
  rangeRows: number,
  dialect: SqlDialect,
): readonly KeyRange[] {
  const [column] = key;
  const whole = { id: name, where: null };
  // SQLite has other values in such columns, too; what lies between two whole numbers is a number.
  if (column?.type !== 'integer' || bounds === null || !isWhole(bounds.first) || !isWhole(bounds.last)) return [whole];
  const count = Math.min(Math.ceil(bounds.rows / rangeRows), MOST_RANGES);
  if (count < 2) return [whole];
  const [first, last] = [BigInt(bounds.first), BigInt(bounds.last)];
  const width = (last - first + BigInt(count)) / BigInt(count);
  const quoted = dialect.quote(column.name);
  const edge = (index: number): bigint => first + BigInt(index) * width;
  return Array.from({ length: count }, (_, index) => {
    const [from, to] = [edge(index), edge(index + 1)];
    const literal = (value: bigint): string => dialect.literal(String(value), column);
    return {
      id: `${name}[${column.name} ${from}..${to - 1n}]`,
      where: `${quoted} >= ${literal(from)} AND ${quoted} < ${literal(to)}`,
    };
  });
}

function isWhole(value: SqlValue): value is string | number | bigint {
  return value !== null && typeof value !== 'boolean' && /^-?\d+$/.test(String(value));
}

/** The condition for the rows behind the one with these key values. */
export function behindKey(key: readonly SqlColumn[], values: readonly string[], dialect: SqlDialect): string {
  const names = key.map((column) => dialect.quote(column.name));
  const literals = key.map((column, index) => dialect.literal(values[index]!, column));
  if (key.length === 1) return `${names[0]} > ${literals[0]}`;
  if (dialect.comparesRows) return `(${names.join(', ')}) > (${literals.join(', ')})`;
  const cases = names.map((name, index) => {
    const alike = names.slice(0, index).map((before, at) => `${before} = ${literals[at]}`);
    return `(${[...alike, `${name} > ${literals[index]}`].join(' AND ')})`;
  });
  return `(${cases.join(' OR ')})`;
}
