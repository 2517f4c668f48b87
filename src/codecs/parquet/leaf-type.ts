import type { LogicalType, SchemaElement } from 'hyparquet';
import type { Column, ExactType, TimeUnit } from '../../core/schema.ts';
import { isTemporal } from '../messages/avro/temporal.ts';

/** What the values of a leaf column mean, whichever of the format's two generations of annotations says it. */
export type LeafType =
  | { readonly kind: 'boolean' | 'float' | 'double' | 'float16' | 'text' | 'bytes' | 'uuid' | 'int96' | 'interval' }
  | { readonly kind: 'integer'; readonly bits: number; readonly signed: boolean }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  /** `logical` as Avro names it: date, time-*, timestamp-*, local-timestamp-*. */
  | { readonly kind: 'temporal'; readonly logical: string };

const UNITS = { MILLIS: 'millis', MICROS: 'micros', NANOS: 'nanos' } as const satisfies Record<string, TimeUnit>;
const DECIMALS = new Set(['INT32', 'INT64', 'BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY']);
const TEXTS = new Set(['UTF8', 'ENUM', 'JSON']);
const CONVERTED: Readonly<Record<string, LeafType>> = {
  DATE: { kind: 'temporal', logical: 'date' },
  TIME_MILLIS: { kind: 'temporal', logical: 'time-millis' },
  TIME_MICROS: { kind: 'temporal', logical: 'time-micros' },
  TIMESTAMP_MILLIS: { kind: 'temporal', logical: 'timestamp-millis' },
  TIMESTAMP_MICROS: { kind: 'temporal', logical: 'timestamp-micros' },
  INTERVAL: { kind: 'interval' },
};

/** Throws where the file says of values what those cannot be. */
export function leafTypeOf(element: SchemaElement): LeafType {
  const leaf = saidOf(element);
  if (fits(leaf, element)) return leaf;
  throw new Error(
    `${element.type} cannot hold what is said to be ${leaf.kind === 'temporal' ? leaf.logical : leaf.kind}`,
  );
}

/** More digits than any system has. */
const MOST_DIGITS = 1000;

function fits(leaf: LeafType, { type, type_length: width }: SchemaElement): boolean {
  switch (leaf.kind) {
    case 'boolean':
      return type === 'BOOLEAN';
    case 'float':
      return type === 'FLOAT';
    case 'double':
      return type === 'DOUBLE';
    case 'integer':
      return type === 'INT32' || type === 'INT64';
    case 'temporal':
      return type === (leaf.logical === 'date' || leaf.logical === 'time-millis' ? 'INT32' : 'INT64');
    case 'decimal':
      return leaf.scale >= 0 && leaf.scale <= MOST_DIGITS && leaf.precision <= MOST_DIGITS && DECIMALS.has(type ?? '');
    case 'uuid':
      return type === 'FIXED_LEN_BYTE_ARRAY' && width === 16;
    case 'interval':
      return type === 'FIXED_LEN_BYTE_ARRAY' && width === 12;
    case 'float16':
      return type === 'FIXED_LEN_BYTE_ARRAY' && width === 2;
    case 'int96':
      return type === 'INT96';
    case 'text':
    case 'bytes':
      return type === 'BYTE_ARRAY' || type === 'FIXED_LEN_BYTE_ARRAY';
    default:
      return leaf satisfies never;
  }
}

function saidOf(element: SchemaElement): LeafType {
  const { type, logical_type: logical, converted_type: converted } = element;
  const said = logical === undefined ? null : logicalLeaf(logical, type === 'INT64' ? 64 : 32);
  if (said !== null) return said;
  if (converted === 'DECIMAL') return { kind: 'decimal', precision: element.precision ?? 0, scale: element.scale ?? 0 };
  if (converted !== undefined && TEXTS.has(converted)) return { kind: 'text' };
  const known = converted === undefined ? undefined : CONVERTED[converted];
  if (known !== undefined) return known;
  if (type === 'BOOLEAN') return { kind: 'boolean' };
  if (type === 'FLOAT' || type === 'DOUBLE') return { kind: type === 'FLOAT' ? 'float' : 'double' };
  if (type === 'INT96') return { kind: 'int96' };
  if (type === 'INT32' || type === 'INT64') {
    return { kind: 'integer', bits: type === 'INT64' ? 64 : 32, signed: converted?.startsWith('UINT') !== true };
  }
  return { kind: 'bytes' };
}

/** By the newer annotation; null where that says nothing of the values. */
function logicalLeaf(logical: LogicalType, bits: number): LeafType | null {
  if (logical.type === 'STRING' || logical.type === 'ENUM' || logical.type === 'JSON') return { kind: 'text' };
  if (logical.type === 'UUID') return { kind: 'uuid' };
  if (logical.type === 'FLOAT16') return { kind: 'float16' };
  if (logical.type === 'DATE') return { kind: 'temporal', logical: 'date' };
  if (logical.type === 'TIME') return { kind: 'temporal', logical: `time-${UNITS[logical.unit]}` };
  if (logical.type === 'TIMESTAMP') {
    const zone = logical.isAdjustedToUTC ? '' : 'local-';
    return { kind: 'temporal', logical: `${zone}timestamp-${UNITS[logical.unit]}` };
  }
  if (logical.type === 'DECIMAL') return { kind: 'decimal', precision: logical.precision, scale: logical.scale ?? 0 };
  return logical.type === 'INTEGER' ? { kind: 'integer', bits, signed: logical.isSigned } : null;
}

/** The column of a leaf. */
export function leafColumn(name: string, leaf: LeafType): Column {
  const exact = exactOf(leaf);
  return { name, type: typeOf(leaf), ...(exact === null ? {} : { exact }) };
}

/** What `timestamp` promises: a zone, and microseconds at the most. */
const INSTANT = /^timestamp-(?:millis|micros)$/;

function typeOf(leaf: LeafType): NonNullable<Column['type']> {
  switch (leaf.kind) {
    case 'boolean':
    case 'integer':
      return leaf.kind;
    case 'float':
    case 'double':
    case 'float16':
      return 'number';
    case 'decimal':
      return leaf.kind;
    case 'temporal':
      if (leaf.logical === 'date') return 'date';
      return INSTANT.test(leaf.logical) ? 'timestamp' : 'string';
    case 'int96':
    case 'text':
    case 'bytes':
    case 'uuid':
    case 'interval':
      return 'string';
    default:
      return leaf satisfies never;
  }
}

function exactOf(leaf: LeafType): ExactType | null {
  if (leaf.kind === 'float') return 'float';
  if (leaf.kind === 'int96') return 'timestamp-nanos';
  if (leaf.kind === 'decimal') return `decimal(${leaf.precision},${leaf.scale})`;
  if (leaf.kind === 'integer') {
    if (leaf.bits === 64) return leaf.signed ? null : 'uint64';
    return leaf.signed ? 'int32' : 'uint32';
  }
  return leaf.kind === 'temporal' && leaf.logical !== 'date' && isTemporal(leaf.logical)
    ? (leaf.logical as ExactType)
    : null;
}
