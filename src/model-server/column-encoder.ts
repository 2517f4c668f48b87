import { CategoryCodes } from './category-codes.ts';
import { datePart, readDate, type WrittenDate } from './date-cell.ts';
import { DATE_PARTS, type Feature } from './deployment-file.ts';
import { isMissing, numberOfBytes } from './number-cell.ts';

const utf8 = new TextEncoder();
const decoder = new TextDecoder();

/** Turns the cells of one column into the features that are made of it. */
export interface ColumnEncoder {
  readonly column: string;
  /** Indexes of its features in the model's order. */
  readonly features: readonly number[];
  readonly type: 'number' | 'category' | 'date';
  /**
   * Writes the features of the cell whose text lies from `start` to `end` into the matrix row at `base`, and says
   * whether the text can be read as the column's type. An empty cell is a missing value.
   */
  encode(bytes: Uint8Array, start: number, end: number, matrix: Float32Array, base: number): boolean;
}

/** The encoders of a deployment, one per column, in the order in which the features name them. */
export function columnEncoders(features: readonly Feature[]): readonly ColumnEncoder[] {
  const columns = [...new Set(features.map((feature) => feature.column))];
  return columns.map((column) => {
    const own = [...features.entries()].filter(([, feature]) => feature.column === column);
    const [index, first] = own[0]!;
    if (first.type === 'number') return numberColumn(column, index);
    if (first.type === 'category') return categoryColumn(column, index, first.categories ?? []);
    return dateColumn(column, own);
  });
}

/**
 * Writes the features of a JSON value in the same way. Numbers, texts, booleans and null are cells; anything else cannot be read.
 */
export function encodeValue(column: ColumnEncoder, value: unknown, matrix: Float32Array, base: number): boolean {
  const text = cellText(value);
  if (text === undefined) return false;
  const bytes = utf8.encode(text ?? '');
  return column.encode(bytes, 0, bytes.length, matrix, base);
}

/** The text of a JSON value as a cell: null for a missing one, undefined for a list or an object. */
export function cellText(value: unknown): string | null | undefined {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

function numberColumn(column: string, feature: number): ColumnEncoder {
  return {
    column,
    features: [feature],
    type: 'number',
    encode(bytes, start, end, matrix, base) {
      const value = numberOfBytes(bytes, start, end);
      // A number past the range of float32 would be an infinity, which no tree was trained on.
      if (value === null || Math.abs(Math.fround(value)) === Number.POSITIVE_INFINITY) return false;
      matrix[base + feature] = value;
      return true;
    },
  };
}

function categoryColumn(column: string, feature: number, categories: readonly string[]): ColumnEncoder {
  const codes = new CategoryCodes(categories);
  return {
    column,
    features: [feature],
    type: 'category',
    encode(bytes, start, end, matrix, base) {
      matrix[base + feature] = codes.find(bytes, start, end);
      return true;
    },
  };
}

function dateColumn(column: string, features: readonly (readonly [number, Feature])[]): ColumnEncoder {
  const parts = features.flatMap(([index, { type }]) => {
    const part = DATE_PARTS.find((known) => known === type);
    return part === undefined ? [] : [{ index, part }];
  });
  const date: WrittenDate = { year: 0, month: 0, day: 0, hour: 0 };
  return {
    column,
    features: features.map(([index]) => index),
    type: 'date',
    encode(bytes, start, end, matrix, base) {
      const known = readDate(bytes, start, end, date);
      if (!known && !isMissing(decoder.decode(bytes.subarray(start, end)))) return false;
      for (const { index, part } of parts) matrix[base + index] = known ? datePart(date, part) : Number.NaN;
      return true;
    },
  };
}
