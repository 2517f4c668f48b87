import type { SchemaElement } from 'hyparquet';
import type { Column, ExactType, TimeUnit } from '../../core/schema.ts';

/** How a column of an output is stored, and what its texts become. */
export interface StoredType {
  readonly element: SchemaElement;
  readonly parse:
    | { readonly as: 'boolean' | 'number' | 'text' }
    /** Integers within two bounds; numbers where they fit 32 bits, otherwise bigints. */
    | { readonly as: 'integer'; readonly bits: 32 | 64; readonly least: bigint; readonly most: bigint }
    | { readonly as: 'decimal'; readonly precision: number; readonly scale: number }
    /** `logical` as Avro names it. */
    | { readonly as: 'time'; readonly bits: 32 | 64; readonly logical: string };
}

const UNITS = { millis: 'MILLIS', micros: 'MICROS', nanos: 'NANOS' } as const;
const SIGNED_64 = { least: -(2n ** 63n), most: 2n ** 63n - 1n };
const DEFAULT_TIMESTAMP = 'timestamp-micros';
/** The digits that 38 bytes' worth of other systems can take; of more, the column is text. */
const MOST_DIGITS = 76;

/** Every column may be null. What has no type is text. */
export function storedTypeOf({ name, type, exact }: Column): StoredType {
  const optional = { name, repetition_type: 'OPTIONAL' } as const;
  const decimal = exact === undefined ? null : /^decimal\((\d+),(\d+)\)$/.exec(exact);
  if (decimal !== null) {
    const [precision, scale] = [Number(decimal[1]), Number(decimal[2])];
    if (precision >= 1 && precision <= MOST_DIGITS && scale <= precision)
      return decimalType(optional, precision, scale);
    return textType(optional);
  }
  switch (type) {
    case 'boolean':
      return { element: { ...optional, type: 'BOOLEAN' }, parse: { as: 'boolean' } };
    case 'integer':
      return integerType(optional, exact);
    case 'number':
      return { element: { ...optional, type: exact === 'float' ? 'FLOAT' : 'DOUBLE' }, parse: { as: 'number' } };
    case 'date':
      return {
        element: { ...optional, type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } },
        parse: { as: 'time', bits: 32, logical: 'date' },
      };
    case 'timestamp':
      return timestampType(optional, exact?.includes('timestamp-') ? exact : DEFAULT_TIMESTAMP);
    // A decimal of which nobody knows how many digits it has, and what is none of these.
    case 'decimal':
    case 'string':
    case undefined:
      if (exact?.includes('timestamp-')) return timestampType(optional, exact);
      return exact?.startsWith('time-') ? timeType(optional, exact) : textType(optional);
    default:
      return type satisfies never;
  }
}

type Optional = Pick<SchemaElement, 'name' | 'repetition_type'>;

function textType(optional: Optional): StoredType {
  const element = {
    ...optional,
    type: 'BYTE_ARRAY',
    converted_type: 'UTF8',
    logical_type: { type: 'STRING' },
  } as const;
  return { element, parse: { as: 'text' } };
}

function integerType(optional: Optional, exact: ExactType | undefined): StoredType {
  if (exact === 'int32') {
    return {
      element: { ...optional, type: 'INT32' },
      parse: { as: 'integer', bits: 32, least: -(2n ** 31n), most: 2n ** 31n - 1n },
    };
  }
  if (exact === 'uint32' || exact === 'uint64') {
    const bits = exact === 'uint32' ? 32 : 64;
    return {
      // The newer annotation beside it would be written with a width that other readers take for broken (hyparquet-writer 0.17).
      element: { ...optional, type: `INT${bits}`, converted_type: `UINT_${bits}` },
      parse: { as: 'integer', bits, least: 0n, most: 2n ** BigInt(bits) - 1n },
    };
  }
  return { element: { ...optional, type: 'INT64' }, parse: { as: 'integer', bits: 64, ...SIGNED_64 } };
}

function decimalType(optional: Optional, precision: number, scale: number): StoredType {
  const logical_type = { type: 'DECIMAL', precision, scale } as const;
  const meaning = { ...optional, converted_type: 'DECIMAL', precision, scale, logical_type } as const;
  const parse = { as: 'decimal', precision, scale } as const;
  if (precision <= 9) return { element: { ...meaning, type: 'INT32' }, parse };
  if (precision <= 18) return { element: { ...meaning, type: 'INT64' }, parse };
  let length = 9;
  while (2n ** BigInt(8 * length - 1) < 10n ** BigInt(precision)) length += 1;
  return { element: { ...meaning, type: 'FIXED_LEN_BYTE_ARRAY', type_length: length }, parse };
}

function timestampType(optional: Optional, logical: string): StoredType {
  const unit = UNITS[unitOf(logical)];
  const isAdjustedToUTC = !logical.startsWith('local-');
  const older = isAdjustedToUTC && unit !== 'NANOS' ? ({ converted_type: `TIMESTAMP_${unit}` } as const) : {};
  return {
    element: { ...optional, type: 'INT64', ...older, logical_type: { type: 'TIMESTAMP', isAdjustedToUTC, unit } },
    parse: { as: 'time', bits: 64, logical },
  };
}

function timeType(optional: Optional, logical: string): StoredType {
  const unit = UNITS[unitOf(logical)];
  const bits = unit === 'MILLIS' ? 32 : 64;
  const older = unit === 'NANOS' ? {} : ({ converted_type: `TIME_${unit}` } as const);
  const logical_type = { type: 'TIME', isAdjustedToUTC: false, unit } as const;
  return { element: { ...optional, type: `INT${bits}`, ...older, logical_type }, parse: { as: 'time', bits, logical } };
}

function unitOf(logical: string): TimeUnit {
  return logical.slice(logical.lastIndexOf('-') + 1) as TimeUnit;
}
