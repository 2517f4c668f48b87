import { QUOTE } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import { decimalBytes } from '../messages/avro/decimal.ts';
import { temporalCount } from '../messages/avro/temporal.ts';
import type { StoredType } from './stored-type.ts';

/** A value as the writer of the library takes it. */
export type WrittenValue = string | number | bigint | boolean | null;

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$|^[+-]?Infinity$|^NaN$/;
const INTEGER = /^[+-]?\d{1,20}$/;
/** So many digits fit a double's integers, and 32 bits if there are fewer still. */
const SAFE_DIGITS = 15;

/** The values of one column of a row group, made of canonical fields. */
export class ColumnValues {
  readonly values: WrittenValue[] = [];
  readonly #type: StoredType;

  constructor(type: StoredType) {
    this.#type = type;
  }

  get name(): string {
    return this.#type.element.name;
  }

  /** Takes one canonical field. Throws OUTPUT_TYPE. */
  push(bytes: Buffer, from: number, to: number): void {
    this.values.push(from === to ? null : this.#value(textOf(bytes, from, to)));
  }

  #value(text: string): WrittenValue {
    const { parse } = this.#type;
    // A record of a single null is written `""`, as an empty line is none.
    if (text === '' && parse.as !== 'text') return null;
    switch (parse.as) {
      case 'text':
        return text;
      case 'number': {
        const number = Number(text);
        // Number() takes blanks and hexadecimal digits, too, and gives NaN for what is no number.
        return NUMBER.test(text) ? number : this.#wrong(text);
      }
      case 'boolean':
        return /^true$/i.test(text) ? true : /^false$/i.test(text) ? false : this.#wrong(text);
      case 'integer': {
        if (!INTEGER.test(text)) return this.#wrong(text);
        if (text.length < SAFE_DIGITS && parse.bits === 64) return BigInt(Number(text));
        const value = BigInt(text.replace('+', ''));
        if (value < parse.least || value > parse.most) return this.#wrong(text);
        return parse.bits === 32 ? Number(value) : value;
      }
      case 'decimal': {
        const bytes = decimalBytes(text, parse.scale, null);
        const unscaled = bytes === null ? null : signed(bytes);
        const most = 10n ** BigInt(parse.precision);
        return unscaled === null || unscaled >= most || unscaled <= -most ? this.#wrong(text) : unscaled;
      }
      case 'time': {
        const count = temporalCount(parse.logical, text);
        if (count === null || BigInt.asIntN(parse.bits, count) !== count) return this.#wrong(text);
        return parse.bits === 32 ? Number(count) : count;
      }
      default:
        return parse satisfies never;
    }
  }

  #wrong(text: string): never {
    const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
    const { logical_type: logical, type } = this.#type.element;
    throw new SluiceError(
      'OUTPUT_TYPE',
      `${JSON.stringify(shown)} does not fit the output column "${this.name}", which is ${logical?.type ?? type} in Parquet: ` +
        'the first rows said so. Write CSV instead, or give the intake files of one kind.',
    );
  }
}

function textOf(bytes: Buffer, from: number, to: number): string {
  if (bytes[from] !== QUOTE) return bytes.toString('utf8', from, to);
  const inner = bytes.toString('utf8', from + 1, to - 1);
  return inner.includes('"') ? inner.replaceAll('""', '"') : inner;
}

function signed(bytes: Buffer): bigint {
  return BigInt.asIntN(8 * bytes.length, BigInt(`0x${bytes.toString('hex')}`));
}
