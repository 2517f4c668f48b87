import { type AvroNode, branchName } from './avro-node.ts';
import { decimalBytes } from './decimal.ts';
import { isTemporal, temporalCount } from './temporal.ts';

/** A text that is no value of a type. */
export class ValueFault extends Error {}

const SHORT_INTEGER = /^-?\d{1,9}$/;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$|^[+-]?Infinity$|^NaN$/;
/** Node passes over what is none, and its bytes with it. */
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** The value that avsc encodes for the text of a cell: the inverse of `cellValue`. Throws ValueFault. */
export function avroValue(node: AvroNode, text: string | null): unknown {
  if (node.kind === 'union') {
    if (node.only !== null) return text === null ? null : avroValue(node.only, text);
    return unionValue(node.branches, text);
  }
  if (text === null) {
    if (node.kind === 'null') return null;
    throw new ValueFault(`null is no ${node.kind}`);
  }
  switch (node.kind) {
    case 'null':
      return wrong(node, text);
    case 'string':
      return text;
    case 'boolean':
      return /^true$/i.test(text) ? true : /^false$/i.test(text) ? false : wrong(node, text);
    case 'float':
    case 'double':
      return NUMBER.test(text) ? Number(text) : wrong(node, text);
    case 'int':
    case 'long': {
      // Nine digits fit an int, and a bigint takes its time.
      if (!isTemporal(node.logical) && SHORT_INTEGER.test(text)) return Number(text);
      const count = isTemporal(node.logical) ? temporalCount(node.logical, text) : integerOf(text);
      const bits = node.kind === 'int' ? 32 : 64;
      if (count === null || BigInt.asIntN(bits, count) !== count) return wrong(node, text);
      const number = Number(count);
      return Number.isSafeInteger(number) ? number : count;
    }
    case 'enum':
      return node.symbols.includes(text) ? text : wrong(node, text);
    case 'bytes':
    case 'fixed': {
      const size = node.kind === 'fixed' ? node.size : null;
      const bytes =
        node.logical === 'decimal'
          ? decimalBytes(text, node.scale, size)
          : size === 16 && node.logical === 'uuid'
            ? Buffer.from(text.replaceAll('-', ''), 'hex')
            : base64Bytes(text);
      return bytes === null || (size !== null && bytes.length !== size) ? wrong(node, text) : bytes;
    }
    case 'array':
    case 'map':
    case 'record':
      return nestedValue(node, parsed(node, text));
    default:
      return node satisfies never;
  }
}

/** Of JSON whose numbers are texts, so that none loses a digit. */
function nestedValue(node: AvroNode, json: unknown): unknown {
  if (node.kind === 'array') {
    return Array.isArray(json) ? json.map((item) => nestedValue(node.items, item)) : wrong(node, JSON.stringify(json));
  }
  if (node.kind === 'map') {
    const entries = Object.entries(objectOf(node, json));
    return Object.fromEntries(entries.map(([key, item]) => [key, nestedValue(node.values, item)]));
  }
  if (node.kind === 'record') {
    const object = objectOf(node, json);
    return Object.fromEntries(node.fields.map(({ name, node }) => [name, nestedValue(node, object[name] ?? null)]));
  }
  if (node.kind === 'union') {
    if (node.only !== null) return json === null ? null : nestedValue(node.only, json);
    return firstOf(node.branches, JSON.stringify(json), (branch) => nestedValue(branch, json));
  }
  if (typeof json === 'boolean') return avroValue(node, String(json));
  return typeof json === 'string' || json === null ? avroValue(node, json) : wrong(node, JSON.stringify(json));
}

function unionValue(branches: readonly AvroNode[], text: string | null): unknown {
  if (text === null && branches.some(({ kind }) => kind === 'null')) return null;
  // Anything is a string, so that comes last.
  const ordered = [
    ...branches.filter(({ kind }) => kind !== 'string'),
    ...branches.filter(({ kind }) => kind === 'string'),
  ];
  return firstOf(ordered, text, (branch) => avroValue(branch, text));
}

/** The value by the first branch that has one, in the wrapper that avsc wants. */
function firstOf(branches: readonly AvroNode[], text: string | null, valueBy: (branch: AvroNode) => unknown): unknown {
  let last: unknown = null;
  for (const branch of branches) {
    if (branch.kind === 'null' && text !== null && text !== 'null') continue;
    try {
      const value = valueBy(branch);
      return value === null ? null : { [branchName(branch)]: value };
    } catch (error) {
      if (!(error instanceof ValueFault)) throw error;
      last = error;
    }
  }
  throw last ?? new ValueFault(`${JSON.stringify(text)} is of no type of the union`);
}

function parsed(node: AvroNode, text: string): unknown {
  try {
    return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
      typeof value === 'number' ? (context?.source ?? String(value)) : value,
    );
  } catch {
    return wrong(node, text);
  }
}

function objectOf(node: AvroNode, json: unknown): Readonly<Record<string, unknown>> {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  return wrong(node, JSON.stringify(json));
}

function integerOf(text: string): bigint | null {
  return /^[+-]?\d{1,19}$/.test(text) ? BigInt(text.replace('+', '')) : null;
}

function base64Bytes(text: string): Buffer | null {
  // A lone digit at the end holds less than a byte.
  const isWhole = BASE64.test(text) && text.replace(/=+$/, '').length % 4 !== 1;
  return isWhole ? Buffer.from(text, 'base64') : null;
}

function wrong(node: AvroNode, text: string): never {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  const logical = 'logical' in node && node.logical !== '' ? ` (${node.logical})` : '';
  throw new ValueFault(`${JSON.stringify(shown)} is no ${node.kind}${logical}`);
}
