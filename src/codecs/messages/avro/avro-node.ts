import { SluiceError } from '../../../core/error.ts';

/** A schema of Avro 1.12 with its names resolved. Recursive schemas are recursive here. */
export type AvroNode =
  | { readonly kind: 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'string'; readonly logical: string }
  | { readonly kind: 'bytes'; readonly logical: string; readonly scale: number }
  | {
      readonly kind: 'fixed';
      readonly name: string;
      readonly size: number;
      readonly logical: string;
      readonly scale: number;
    }
  | { readonly kind: 'enum'; readonly name: string; readonly symbols: readonly string[] }
  | { readonly kind: 'array'; readonly items: AvroNode }
  | { readonly kind: 'map'; readonly values: AvroNode }
  | RecordNode
  | UnionNode;

export interface RecordNode {
  readonly kind: 'record';
  readonly name: string;
  readonly fields: readonly RecordField[];
}

interface RecordField {
  readonly name: string;
  /** The name of its column: its own, but where Sluice wrote the schema and the column's could not be the name of a field. */
  readonly column: string;
  readonly node: AvroNode;
  readonly hasDefault: boolean;
}

/** What a field of a schema has the name of its column in. */
export const COLUMN_ATTRIBUTE = 'sluice.column';

export interface UnionNode {
  readonly kind: 'union';
  readonly branches: readonly AvroNode[];
  /** The other branch of a union of null and one more; values of it stand without a wrapper. */
  readonly only: AvroNode | null;
}

type Json = { readonly [key: string]: unknown };

const PRIMITIVES = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string']);

/** Reads schemas, each of which may refer to names that an earlier one defined. */
export class AvroNames {
  readonly #named = new Map<string, AvroNode>();

  /** The schema of a JSON text; throws MESSAGE_SCHEMA. */
  parse(text: string): AvroNode {
    try {
      return this.#node(JSON.parse(text) as unknown, '');
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new SluiceError('MESSAGE_SCHEMA', `The Avro schema is not valid: ${why}.`, { cause });
    }
  }

  #node(schema: unknown, space: string): AvroNode {
    if (typeof schema === 'string') return this.#reference(schema, space, {});
    if (Array.isArray(schema)) return this.#union(schema, space);
    if (typeof schema !== 'object' || schema === null) throw new Error(`${JSON.stringify(schema)} is no type`);
    const json = schema as Json;
    const { type } = json;
    if (typeof type !== 'string') return this.#node(type, space);
    switch (type) {
      case 'record':
      case 'error':
        return this.#record(json, space);
      case 'enum':
        return this.#define({ kind: 'enum', name: fullName(json, space), symbols: json['symbols'] as string[] });
      case 'fixed': {
        const name = fullName(json, space);
        return this.#define({ kind: 'fixed', name, size: Number(json['size']), ...logicalOf(json) });
      }
      case 'array':
        return { kind: 'array', items: this.#node(json['items'], space) };
      case 'map':
        return { kind: 'map', values: this.#node(json['values'], space) };
      default:
        return this.#reference(type, space, json);
    }
  }

  #reference(name: string, space: string, json: Json): AvroNode {
    if (PRIMITIVES.has(name)) return { kind: name as 'bytes', ...logicalOf(json) };
    const found = this.#named.get(qualified(name, space)) ?? this.#named.get(name);
    if (found === undefined) throw new Error(`the type ${JSON.stringify(name)} is not defined`);
    return found;
  }

  #union(schemas: readonly unknown[], space: string): UnionNode {
    const branches = schemas.map((schema) => this.#node(schema, space));
    const others = branches.filter(({ kind }) => kind !== 'null');
    return { kind: 'union', branches, only: others.length === 1 && branches.length === 2 ? others[0]! : null };
  }

  #record(json: Json, space: string): RecordNode {
    const name = fullName(json, space);
    const fields: RecordField[] = [];
    // Known before its fields are, which may be of this very type.
    const record = this.#define({ kind: 'record', name, fields });
    const inner = name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : '';
    for (const field of json['fields'] as readonly Json[]) {
      const column = field[COLUMN_ATTRIBUTE];
      fields.push({
        name: String(field['name']),
        column: typeof column === 'string' ? column : String(field['name']),
        node: this.#node(field['type'], inner),
        hasDefault: Object.hasOwn(field, 'default'),
      });
    }
    return record;
  }

  #define<T extends AvroNode & { readonly name: string }>(node: T): T {
    this.#named.set(node.name, node);
    return node;
  }
}

/** How a union names a branch. */
export function branchName(node: AvroNode): string {
  return 'name' in node ? node.name : node.kind;
}

function logicalOf(json: Json): { readonly logical: string; readonly scale: number } {
  const logical = json['logicalType'];
  return { logical: typeof logical === 'string' ? logical : '', scale: Number(json['scale'] ?? 0) };
}

function fullName(json: Json, space: string): string {
  return qualified(String(json['name']), typeof json['namespace'] === 'string' ? json['namespace'] : space);
}

function qualified(name: string, space: string): string {
  return space === '' || name.includes('.') ? name : `${space}.${name}`;
}
