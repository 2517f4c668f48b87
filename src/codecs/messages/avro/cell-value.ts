import type { Value } from '../../../core/value.ts';
import { type AvroNode, branchName } from './avro-node.ts';
import { decimalText } from './decimal.ts';
import { isTemporal, temporalText } from './temporal.ts';

/** A value that avsc decoded as the value of a cell: numbers to their digits, times as ISO 8601, what is nested as JSON text. */
export function cellValue(node: AvroNode, value: unknown): Value {
  if (value === null || value === undefined) return null;
  switch (node.kind) {
    case 'int':
    case 'long':
      return isTemporal(node.logical)
        ? temporalText(node.logical, value as number | bigint)
        : (value as number | bigint);
    case 'string':
    case 'enum':
      return value as string;
    case 'boolean':
      return value as boolean;
    case 'double':
      return doubleOf(value as number | bigint);
    case 'float':
      return typeof value === 'number' ? shortestFloat(value) : doubleOf(value as bigint);
    case 'bytes':
    case 'fixed':
      return bytesText(node, value as Buffer);
    case 'union':
      if (node.only !== null) return cellValue(node.only, value);
      return cellValue(...chosen(node.branches, value));
    case 'null':
      return null;
    case 'array':
    case 'map':
    case 'record':
      return jsonText(node, value);
    default:
      return node satisfies never;
  }
}

/** JSON text of a value. Numbers have their digits; 64-bit ones and decimals too. */
function jsonText(node: AvroNode, value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (node.kind === 'array') {
    return `[${(value as readonly unknown[]).map((item) => jsonText(node.items, item)).join(',')}]`;
  }
  if (node.kind === 'map') {
    const entries = Object.entries(value);
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${jsonText(node.values, item)}`).join(',')}}`;
  }
  if (node.kind === 'record') {
    const record = value as Record<string, unknown>;
    const members = node.fields.map(({ name, node }) => `${JSON.stringify(name)}:${jsonText(node, record[name])}`);
    return `{${members.join(',')}}`;
  }
  if (node.kind === 'union') {
    return node.only !== null ? jsonText(node.only, value) : jsonText(...chosen(node.branches, value));
  }
  const cell = cellValue(node, value);
  const bare = typeof cell !== 'string' || ('logical' in node && node.logical === 'decimal');
  return bare && (typeof cell !== 'number' || Number.isFinite(cell)) ? String(cell) : JSON.stringify(String(cell));
}

/** The branch of a union of several, and the value without its wrapper. */
function chosen(branches: readonly AvroNode[], wrapped: unknown): [AvroNode, unknown] {
  const [name, value] = Object.entries(wrapped as Record<string, unknown>)[0]!;
  return [branches.find((branch) => branchName(branch) === name)!, value];
}

function bytesText(node: AvroNode & { readonly kind: 'bytes' | 'fixed' }, value: Buffer): string {
  if (node.logical === 'decimal') return decimalText(value, node.scale);
  if (node.kind === 'fixed' && node.logical === 'uuid' && value.length === 16) {
    return value.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }
  return value.toString('base64');
}

/** String() would lose the sign of a negative zero. */
export function doubleOf(value: number | bigint): Value {
  return Object.is(value, -0) ? '-0' : value;
}

/** The shortest number that is this float: 0.1, and not the 0.10000000149011612 that a double makes of it. */
export function shortestFloat(value: number): Value {
  if (!Number.isFinite(value) || Number.isInteger(value)) return doubleOf(value);
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}
