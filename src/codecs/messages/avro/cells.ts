import { SluiceError } from '../../../core/error.ts';
import type { Column, ColumnType } from '../../../core/schema.ts';
import type { AvroNode } from './avro-node.ts';
import { isTemporal } from './temporal.ts';

/** What stands between the names of a field and of a field of the record in it. */
const DOT = '.';

/** A column of a record: a field, or a field of the record in a field. */
export interface Cell {
  readonly column: Column;
  readonly field: string;
  /** Null: the field itself. */
  readonly inner: string | null;
  readonly node: AvroNode;
}

/**
 * The columns of a schema's records, in order. The fields of a record in a field are columns `field.inner`; what is nested
 * deeper is one column of JSON text, and so is a record whose own name is wanted.
 * @param wanted null for all.
 */
export function cellsOf(schema: AvroNode, wanted: ReadonlySet<string> | null): readonly Cell[] {
  if (schema.kind !== 'record') {
    throw new SluiceError(
      'MESSAGE_SCHEMA',
      `The Avro schema is of ${schema.kind}, and no record, so it has no columns.`,
    );
  }
  return schema.fields.flatMap(({ name: field, column, node }): Cell[] => {
    const record = bare(node);
    if (record.kind !== 'record' || wanted?.has(column))
      return [{ column: columnOf(column, node), field, inner: null, node }];
    return record.fields.map(({ name: inner, node }) => {
      return { column: columnOf(`${column}${DOT}${inner}`, node), field, inner, node };
    });
  });
}

/** A type without the null that its union may have beside it. */
export function bare(node: AvroNode): AvroNode {
  return node.kind === 'union' && node.only !== null ? node.only : node;
}

function columnOf(name: string, node: AvroNode): Column {
  return { name, type: typeOf(bare(node)) };
}

function typeOf(node: AvroNode): ColumnType {
  if (node.kind === 'boolean') return 'boolean';
  if (node.kind === 'float' || node.kind === 'double') return 'number';
  if (node.kind === 'int' || node.kind === 'long') {
    if (!isTemporal(node.logical)) return 'integer';
    // A local time is no instant, and nanoseconds are more than an instant has here.
    return node.logical === 'date' ? 'date' : /^timestamp-(millis|micros)$/.test(node.logical) ? 'timestamp' : 'string';
  }
  return 'logical' in node && node.logical === 'decimal' ? 'decimal' : 'string';
}
