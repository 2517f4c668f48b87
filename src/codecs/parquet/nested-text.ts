import type { SchemaTree } from 'hyparquet';
import { leafText, type StoredValue } from './leaf-text.ts';
import { type LeafType, leafTypeOf } from './leaf-type.ts';

/** How a nested value becomes JSON. */
export type NestedType =
  | { readonly kind: 'leaf'; readonly leaf: LeafType }
  | { readonly kind: 'list'; readonly items: NestedType }
  | { readonly kind: 'map'; readonly field: string; readonly key: NestedType; readonly value: NestedType }
  | { readonly kind: 'struct'; readonly fields: readonly { readonly name: string; readonly type: NestedType }[] };

/** @param repeated whether the node itself is a list, without the two groups that a list has otherwise. */
export function nestedTypeOf(tree: SchemaTree, repeated = tree.element.repetition_type === 'REPEATED'): NestedType {
  if (repeated) return { kind: 'list', items: nestedTypeOf(tree, false) };
  const { children, element } = tree;
  if (children.length === 0) return { kind: 'leaf', leaf: leafTypeOf(element) };
  if (isList(tree)) {
    const inner = children[0]!;
    return {
      kind: 'list',
      items: inner.children.length === 1 ? nestedTypeOf(inner.children[0]!) : nestedTypeOf(inner, false),
    };
  }
  if (isMap(tree)) {
    const [key, value] = children[0]!.children;
    return { kind: 'map', field: children[0]!.element.name, key: nestedTypeOf(key!), value: nestedTypeOf(value!) };
  }
  return { kind: 'struct', fields: children.map((child) => ({ name: child.element.name, type: nestedTypeOf(child) })) };
}

/** A list in the form that the library takes for one. */
function isList({ element, children: [inner] }: SchemaTree): boolean {
  const isSaid = element.converted_type === 'LIST' || element.logical_type?.type === 'LIST';
  return isSaid && inner?.element.repetition_type === 'REPEATED' && inner.children.length <= 1;
}

function isMap({ element, children }: SchemaTree): boolean {
  const [inner] = children;
  return (
    (element.converted_type === 'MAP' || element.logical_type?.type === 'MAP') &&
    children.length === 1 &&
    inner?.element.repetition_type === 'REPEATED' &&
    inner.children.length === 2
  );
}

/** JSON text of a value. Integers and decimals have all their digits. */
export function nestedText(type: NestedType, value: unknown): string {
  if (value === null || value === undefined) return 'null';
  switch (type.kind) {
    case 'list':
      return `[${(value as readonly unknown[]).map((item) => nestedText(type.items, item)).join(',')}]`;
    case 'map': {
      const entries = (value as Record<string, readonly Record<string, unknown>[]>)[type.field] ?? [];
      const members = entries.map((entry) => {
        const [key, item] = Object.values(entry);
        return `${JSON.stringify(keyText(type.key, key))}:${nestedText(type.value, item)}`;
      });
      return `{${members.join(',')}}`;
    }
    case 'struct': {
      const struct = value as Record<string, unknown>;
      const members = type.fields.map(
        (field) => `${JSON.stringify(field.name)}:${nestedText(field.type, struct[field.name])}`,
      );
      return `{${members.join(',')}}`;
    }
    case 'leaf': {
      const text = leafText(type.leaf, value as StoredValue);
      return isBare(type.leaf, value) ? text : JSON.stringify(text);
    }
    default:
      return type satisfies never;
  }
}

function keyText(type: NestedType, key: unknown): string {
  return type.kind === 'leaf' && key !== null && key !== undefined
    ? leafText(type.leaf, key as StoredValue)
    : nestedText(type, key);
}

function isBare({ kind }: LeafType, value: unknown): boolean {
  if (kind === 'double' || kind === 'float') return Number.isFinite(value);
  return kind === 'boolean' || kind === 'integer' || kind === 'decimal';
}
