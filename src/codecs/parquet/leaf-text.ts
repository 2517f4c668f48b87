import { decimalText } from '../messages/avro/decimal.ts';
import { temporalText } from '../messages/avro/temporal.ts';
import type { LeafType } from './leaf-type.ts';

/** A value as it is stored: a number, a bigint of 64 bits, bytes. */
export type StoredValue = boolean | number | bigint | Uint8Array;

/** From the Julian day that INT96 counts from to 1970, and the nanoseconds of a day. */
const EPOCH_JULIAN_DAY = 2_440_588n;
const DAY_NANOS = 86_400_000_000_000n;

/** The text of a value, to its last digit; times as ISO 8601; bytes that are no text in base64. */
export function leafText(leaf: LeafType, value: StoredValue): string {
  switch (leaf.kind) {
    case 'boolean':
      return String(Boolean(value));
    case 'integer':
      if (leaf.signed) return String(value);
      return typeof value === 'bigint' ? String(BigInt.asUintN(64, value)) : String(Number(value) >>> 0);
    case 'double':
      return numberText(value as number);
    case 'float':
      return numberText(shortestFloat(value as number));
    case 'float16':
      return numberText(halfFloat(value as Uint8Array));
    case 'decimal':
      return decimalText(bytesOf(value as number | bigint | Uint8Array), leaf.scale);
    case 'temporal':
      return temporalText(leaf.logical, safe(value as number | bigint));
    case 'int96':
      return temporalText('timestamp-nanos', int96Nanos(value as Uint8Array));
    case 'uuid':
      return hex(value as Uint8Array).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    case 'interval':
      return intervalText(value as Uint8Array);
    case 'text':
      return buffer(value as Uint8Array).toString('utf8');
    case 'bytes':
      return buffer(value as Uint8Array).toString('base64');
    default:
      return leaf satisfies never;
  }
}

/** String() would lose the sign of a negative zero. */
export function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** The shortest number that is this float: 0.1, and not the 0.10000000149011612 that a double makes of it. */
export function shortestFloat(value: number): number {
  if (!Number.isFinite(value) || Number.isInteger(value)) return value;
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}

function halfFloat(bytes: Uint8Array): number {
  const bits = bytes[0]! | (bytes[1]! << 8);
  const sign = bits >> 15 === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = (bits & 0x3ff) / 1024;
  if (exponent === 0) return sign * 2 ** -14 * fraction;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * 2 ** (exponent - 15) * (1 + fraction);
}

/** Decimals are stored as integers of 32 and 64 bits, too. */
function bytesOf(value: number | bigint | Uint8Array): Uint8Array {
  if (value instanceof Uint8Array) return value;
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

function int96Nanos(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 12);
  return (BigInt(view.getInt32(8, true)) - EPOCH_JULIAN_DAY) * DAY_NANOS + view.getBigInt64(0, true);
}

/** Months, days and milliseconds, as an ISO 8601 duration. */
function intervalText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 12);
  const millis = view.getUint32(8, true);
  const seconds = `${Math.floor(millis / 1000)}.${String(millis % 1000).padStart(3, '0')}`;
  return `P${view.getUint32(0, true)}M${view.getUint32(4, true)}DT${seconds}S`;
}

function safe(value: number | bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function hex(bytes: Uint8Array): string {
  return buffer(bytes).toString('hex');
}

function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
