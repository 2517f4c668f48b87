import type avro from 'avsc';
import { COMMA, encodeField } from '../../core/canonical-csv.ts';
import { columnNames, type Schema } from '../../core/schema.ts';
import type { AvroNode, RecordNode } from '../messages/avro/avro-node.ts';
import type { AvroSchema } from '../messages/avro/avro-type.ts';
import { cellValue, doubleOf, shortestFloat } from '../messages/avro/cell-value.ts';
import { bare, cellsOf } from '../messages/avro/cells.ts';
import { isTemporal } from '../messages/avro/temporal.ts';
import { AvroFault, valueEnd } from '../messages/avro/value-bounds.ts';
import type { RowBlock } from '../row-block.ts';
import { AvroBytes } from './avro-bytes.ts';
import { writeAscii, writeInteger, writeText } from './plain-text.ts';
import { writeTime } from './plain-time.ts';

/** What is done with the value of a field: it is passed, written as a cell, or is a record whose fields are cells. */
type Step =
  | { readonly kind: 'pass'; readonly node: AvroNode }
  | { readonly kind: 'cell'; readonly write: WriteCell }
  | {
      readonly kind: 'record';
      readonly nullBranch: number | null;
      readonly steps: readonly Step[];
      readonly cells: number;
    };

type WriteCell = (source: AvroBytes, block: RowBlock) => void;

/** Room for any number, date or time. */
const NUMBER_ROOM = 48;

/**
 * Makes canonical records of the records of a container, without making objects of them: plain values go from bytes to bytes, what is
 * nested by way of avsc.
 */
export class RecordRows {
  readonly #steps: readonly Step[];

  private constructor(steps: readonly Step[]) {
    this.#steps = steps;
  }

  /** Null when the columns are in another order than the fields. */
  static of({ node, type }: AvroSchema, schema: Schema): RecordRows | null {
    const names = columnNames(schema);
    const cells = cellsOf(node, new Set(names)).filter(({ column }) => names.includes(column.name));
    const inOrder = cells.length === names.length && cells.every(({ column }, i) => column.name === names[i]);
    if (!inOrder || node.kind !== 'record') return null;
    const record = node;
    const wanted = new Map(cells.map((cell) => [`${cell.field}\0${cell.inner ?? ''}`, true]));
    const whole = new Set(cells.filter(({ inner }) => inner === null).map(({ field }) => field));
    const steps = record.fields.map(({ name, node }, i): Step => {
      const fieldType = fieldTypesOf(type)[i]!;
      if (whole.has(name)) return { kind: 'cell', write: writerOf(node, fieldType) };
      const inner = bare(node);
      if (inner.kind !== 'record') return { kind: 'pass', node };
      return recordStep(node, inner, fieldType, (field) => wanted.has(`${name}\0${field}`));
    });
    return new RecordRows(steps);
  }

  /** Writes the record at `source.at`, without its LF. Throws AvroFault when the bytes do not fit, and what avsc throws. */
  write(source: AvroBytes, block: RowBlock): void {
    runSteps(this.#steps, source, block);
  }
}

function recordStep(node: AvroNode, inner: RecordNode, type: avro.Type, isWanted: (field: string) => boolean): Step {
  const nullBranch = node.kind === 'union' ? node.branches.findIndex(({ kind }) => kind === 'null') : null;
  const inside =
    node.kind === 'union' ? (type as unknown as { types: readonly avro.Type[] }).types[1 - nullBranch!]! : type;
  const steps = inner.fields.map((field, i): Step => {
    if (!isWanted(field.name)) return { kind: 'pass', node: field.node };
    return { kind: 'cell', write: writerOf(field.node, fieldTypesOf(inside)[i]!) };
  });
  return { kind: 'record', nullBranch, steps, cells: steps.filter(({ kind }) => kind === 'cell').length };
}

function runSteps(steps: readonly Step[], source: AvroBytes, block: RowBlock): void {
  let isFirst = true;
  const comma = (): void => {
    if (!isFirst) {
      block.reserve(1);
      block.bytes[block.at++] = COMMA;
    }
    isFirst = false;
  };
  for (const step of steps) {
    if (step.kind === 'pass') {
      source.at = valueEnd(step.node, source.bytes, source.at);
    } else if (step.kind === 'cell') {
      comma();
      step.write(source, block);
    } else if (step.nullBranch !== null && isNull(source, step.nullBranch)) {
      for (let i = 0; i < step.cells; i += 1) comma();
    } else {
      for (const inner of step.steps) {
        if (inner.kind === 'cell') {
          comma();
          inner.write(source, block);
        } else if (inner.kind === 'pass') source.at = valueEnd(inner.node, source.bytes, source.at);
      }
    }
  }
}

/** Whether the value of a union of two types is its null. */
function isNull(source: AvroBytes, nullBranch: number): boolean {
  const branch = source.count();
  if (branch > 1) throw new AvroFault(`branch ${branch} of a union of two at byte ${source.at}`);
  return branch === nullBranch;
}

function fieldTypesOf(type: avro.Type): readonly avro.Type[] {
  return (type as avro.types.RecordType).fields.map((field) => field.type);
}

function writerOf(node: AvroNode, type: avro.Type): WriteCell {
  if (node.kind === 'union' && node.only !== null) {
    const nullBranch = node.branches.findIndex(({ kind }) => kind === 'null');
    const inner = plainWriter(node.only);
    if (inner === null) return nestedWriter(node, type);
    return (source, block) => {
      if (!isNull(source, nullBranch)) inner(source, block);
    };
  }
  return plainWriter(node) ?? nestedWriter(node, type);
}

/** Null for what is not plain. */
function plainWriter(node: AvroNode): WriteCell | null {
  switch (node.kind) {
    case 'null':
      return () => undefined;
    case 'boolean':
      return (source, block) => {
        block.reserve(NUMBER_ROOM);
        writeAscii(block, String(source.boolean()));
      };
    case 'int':
    case 'long': {
      const { logical } = node;
      if (isTemporal(logical)) return (source, block) => writeTime(block, logical, source.long());
      return (source, block) => {
        block.reserve(NUMBER_ROOM);
        const value = source.long();
        if (typeof value === 'number') writeInteger(block, value);
        else writeAscii(block, String(value));
      };
    }
    case 'float':
      return (source, block) => {
        block.reserve(NUMBER_ROOM);
        writeAscii(block, String(shortestFloat(source.float())));
      };
    case 'double':
      return (source, block) => {
        block.reserve(NUMBER_ROOM);
        writeAscii(block, String(doubleOf(source.double())));
      };
    case 'string':
      return (source, block) => {
        const length = source.count();
        const from = source.skip(length);
        writeText(block, source.bytes, from, from + length);
      };
    case 'array':
    case 'bytes':
    case 'enum':
    case 'fixed':
    case 'map':
    case 'record':
    case 'union':
      return null;
    default:
      return node satisfies never;
  }
}

/** By way of avsc's value. Its bounds are looked at first: avsc believes any count. */
function nestedWriter(node: AvroNode, type: avro.Type): WriteCell {
  return (source, block) => {
    const end = valueEnd(node, source.bytes, source.at);
    const value: unknown = type.decode(source.bytes, source.at).value;
    source.at = end;
    const text = encodeField(cellValue(node, value));
    block.reserve(3 * text.length + 8);
    block.at += block.bytes.write(text, block.at);
  };
}
