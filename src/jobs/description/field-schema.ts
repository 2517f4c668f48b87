import * as z from 'zod';
import type { Path } from './written-text.ts';

/** The part of JSON Schema that our schemas use. */
export interface FieldSchema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly FieldSchema[];
  /** As zod writes a union of mappings that differ in one field. */
  readonly oneOf?: readonly FieldSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly format?: string;
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly required?: readonly string[];
  readonly items?: FieldSchema;
  readonly additionalProperties?: FieldSchema | false;
}

/** What may be written, as JSON Schema: types, ranges, defaults and descriptions of one zod schema. */
export function fieldSchema(schema: z.ZodType): FieldSchema {
  // Zod's own type of it says less than the standard does.
  const written: object = z.toJSONSchema(schema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      // Not limits of ours, but the largest whole numbers that JavaScript has.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  });
  return written;
}

/** The schema of the value at `path`; undefined where the schema knows none. */
export function schemaAt(root: FieldSchema, path: Path): FieldSchema | undefined {
  let at: FieldSchema = root;
  for (const step of path) {
    const here: FieldSchema = at;
    const found: readonly (FieldSchema | undefined)[] = forms(here).map((form) =>
      typeof step === 'number'
        ? form.items
        : (form.properties?.[String(step)] ?? (form.additionalProperties || undefined)),
    );
    const known = found.filter((schema) => schema !== undefined);
    if (known.length === 0) return undefined;
    at = known.length === 1 ? known[0]! : { anyOf: known };
  }
  return at;
}

/** The schemas that a value may follow. */
export function forms(schema: FieldSchema): readonly FieldSchema[] {
  const all = schema.anyOf ?? schema.oneOf;
  return all === undefined ? [schema] : all.flatMap(forms);
}

/** What a value must be, in words: for messages and for the reference page. */
export function expectation(schema: FieldSchema): string {
  const all = [...new Set(options(schema))];
  return all.length < 2 ? all.join('') : `${all.slice(0, -1).join(', ')} or ${all.at(-1)}`;
}

function options(schema: FieldSchema): readonly string[] {
  const { type } = schema;
  if (schema.anyOf !== undefined || schema.oneOf !== undefined) return forms(schema).flatMap(options);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value));
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  if (typeof type === 'object') return type.flatMap((one) => options({ ...schema, type: one }));
  if (type === 'integer') return [`a whole number${range(schema)}`];
  if (type === 'number') return [`a number${range(schema)}`];
  if (type === 'boolean') return ['true', 'false'];
  if (type === 'array') return [schema.items?.type === 'string' ? 'a list of names' : 'a list of mappings'];
  if (type === 'object') return ['a mapping'];
  if (type === 'null') return ['null'];
  return [schema.format === 'uri' ? 'an http:// or https:// address' : 'text'];
}

function range({ minimum, maximum }: FieldSchema): string {
  if (minimum === undefined) return maximum === undefined ? '' : ` of at most ${maximum}`;
  return maximum === undefined ? ` of at least ${minimum}` : ` from ${minimum} to ${maximum}`;
}
