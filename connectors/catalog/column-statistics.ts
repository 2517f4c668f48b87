import type { Column, Value } from '../../src/sdk.ts';
import { DistinctSketch } from './distinct-sketch.ts';

type ColumnType = NonNullable<Column['type']>;

/** What is known of one column of a version. */
export interface ColumnProfile {
  readonly name: string;
  /** As the source says, or as all values look; `string` for a column without values. */
  readonly type: ColumnType;
  /** Values that are not null. */
  readonly count: number;
  readonly nulls: number;
  /** Different values; of more than some two thousand an estimate, within some 2 percent. */
  readonly distinct: number;
  /** Of numbers the least and the greatest one; of all else the first and the last text, cut after 200 characters. Null without values. */
  readonly min: string | number | null;
  readonly max: string | number | null;
  /** Of numbers only. */
  readonly mean: number | null;
}

const INTEGER = /^-?(0|[1-9]\d{0,17})$/;
const NUMBER = /^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/;
/** 007 is no number: it would lose its zeros. */
const LEADING_ZEROS = /^[-+]?0\d/;
const BOOLEAN = /^(true|false)$/i;
const DATE = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
const TIMESTAMP =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$/;
const SHOWN_CHARACTERS = 200;

/** Gathers what there is to know of a column while its values go by, in a few KB. */
export class ColumnStatistics {
  readonly #column: Column;
  readonly #distinct = new DistinctSketch();
  #count = 0;
  #nulls = 0;
  /** What all values so far may be; the first that fits is taken. */
  #types: readonly { readonly type: ColumnType; readonly fits: (text: string) => boolean }[] = CANDIDATES;
  #least: string | null = null;
  #greatest: string | null = null;
  #lowest = Number.POSITIVE_INFINITY;
  #highest = Number.NEGATIVE_INFINITY;
  #mean = 0;
  #numbers = 0;

  constructor(column: Column) {
    this.#column = column;
  }

  add(value: Value): void {
    if (value === null) {
      this.#nulls += 1;
      return;
    }
    const text = String(value);
    this.#count += 1;
    this.#distinct.add(text);
    if (!this.#types.every(({ fits }) => fits(text))) this.#types = this.#types.filter(({ fits }) => fits(text));
    if (this.#least === null || text < this.#least) this.#least = text.slice(0, SHOWN_CHARACTERS);
    if (this.#greatest === null || text > this.#greatest) this.#greatest = text.slice(0, SHOWN_CHARACTERS);
    if (text === '' || !NUMBER.test(text)) return;
    const number = Number(text);
    if (!Number.isFinite(number)) return;
    this.#numbers += 1;
    this.#lowest = Math.min(this.#lowest, number);
    this.#highest = Math.max(this.#highest, number);
    // A running mean: a sum would lose the small ones among many.
    this.#mean += (number - this.#mean) / this.#numbers;
  }

  profile(): ColumnProfile {
    const { name } = this.#column;
    const type = this.#column.type ?? (this.#count === 0 ? 'string' : (this.#types[0]?.type ?? 'string'));
    const isNumber = (type === 'integer' || type === 'number' || type === 'decimal') && this.#numbers > 0;
    return {
      name,
      type,
      count: this.#count,
      nulls: this.#nulls,
      distinct: Math.min(this.#distinct.estimate(), this.#count),
      min: isNumber ? this.#lowest : this.#least,
      max: isNumber ? this.#highest : this.#greatest,
      mean: isNumber ? this.#mean : null,
    };
  }
}

const CANDIDATES = [
  { type: 'integer', fits: (text: string) => INTEGER.test(text) },
  { type: 'number', fits: (text: string) => NUMBER.test(text) && !LEADING_ZEROS.test(text) },
  { type: 'boolean', fits: (text: string) => BOOLEAN.test(text) },
  { type: 'date', fits: (text: string) => DATE.test(text) },
  { type: 'timestamp', fits: (text: string) => TIMESTAMP.test(text) },
] as const;
