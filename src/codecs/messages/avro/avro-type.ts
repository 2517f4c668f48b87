import avro from 'avsc';
import { messageOf, SluiceError } from '../../../core/error.ts';
import { AvroNames, type AvroNode } from './avro-node.ts';

/** A schema as we read it, and as avsc does. */
export interface AvroSchema {
  readonly node: AvroNode;
  readonly type: avro.Type;
}

/**
 * Longs to the last digit: numbers where a double holds them, bigints otherwise. avsc's own reject what is beyond 2^53.
 * It hands over the bytes of the varint.
 */
const longType = avro.types.LongType.__with(
  {
    fromBuffer: longOf,
    toBuffer: (value: number | bigint) => Buffer.from(varint(value)),
    fromJSON: (value: number | bigint) => value,
    toJSON: (value: number | bigint) => value,
    isValid: (value: unknown) => typeof value === 'bigint' || Number.isSafeInteger(value),
    compare: (a: number | bigint, b: number | bigint) => (a < b ? -1 : a > b ? 1 : 0),
  },
  true,
);

/** @param references texts of the schemas that `text` refers to, in an order in which each is defined before it is used. */
export function avroSchemaOf(text: string, references: readonly string[] = []): AvroSchema {
  const names = new AvroNames();
  for (const reference of references) names.parse(reference);
  const node = names.parse(text);
  const registry: Record<string, avro.Type> = {};
  try {
    for (const reference of references) typeOf(JSON.parse(reference), registry);
    return { node, type: typeOf(JSON.parse(text), registry) };
  } catch (cause) {
    throw new SluiceError('MESSAGE_SCHEMA', `The Avro schema is not valid: ${messageOf(cause)}.`, { cause });
  }
}

function typeOf(schema: unknown, registry: Record<string, avro.Type>): avro.Type {
  return avro.Type.forSchema(schema as avro.Schema, {
    registry,
    typeHook: (schema, options) => {
      const plain: unknown = schema;
      if (plain === 'long') return longType;
      if (Array.isArray(plain)) return unionOf(plain, options);
      const inner =
        typeof plain === 'object' && plain !== null ? (plain as { readonly type?: unknown }).type : undefined;
      if (inner === 'long') return longType;
      // {"type": {"type": ...}}: avsc knows it in fields only.
      if (typeof inner === 'object' && inner !== null) return avro.Type.forSchema(inner as avro.Schema, options);
      return undefined;
    },
  });
}

type HookOptions = NonNullable<Parameters<typeof avro.Type.forSchema>[1]>;

/** Null and one more type stand as they are; of more, each value says its type. avsc by itself goes by what is ambiguous to it. */
function unionOf(schemas: readonly avro.Schema[], options: HookOptions): avro.Type {
  const types = schemas.map((schema) => avro.Type.forSchema(schema, options));
  const plain = types.length === 2 && types.filter(({ typeName }) => typeName === 'null').length === 1;
  const Union = plain ? avro.types.UnwrappedUnionType : avro.types.WrappedUnionType;
  return new Union(types as unknown as avro.Schema, options);
}

/** Seven groups of seven bits: 49 bits, exact in a double. */
const EXACT_GROUPS = 7;

function longOf(bytes: Uint8Array): number | bigint {
  if (bytes.length <= EXACT_GROUPS) {
    let value = 0;
    for (let i = bytes.length - 1; i >= 0; i -= 1) value = value * 128 + (bytes[i]! & 0x7f);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i -= 1) value = (value << 7n) | BigInt(bytes[i]! & 0x7f);
  value = BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  if (typeof value === 'number' && Math.abs(value) < 2 ** 30) {
    let rest = (value << 1) ^ (value >> 31);
    for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
    bytes.push(rest);
    return bytes;
  }
  const wide = BigInt(value);
  let rest = BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return bytes;
}
