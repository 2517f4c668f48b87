import type { AvroNode } from './avro-node.ts';

/** A place where bytes are not what the schema says. */
export class AvroFault extends Error {}

/** A schema may hold itself: what is nested deeper would end the stack of whoever reads it, or writes it as text. */
const MOST_DEPTH = 1_000;
/** Items of the lists of one value that have no bytes, nulls say, may be so many: a few bytes can claim any number of them. */
const MOST_EMPTY = 65_536;

/** How many more there may be. */
interface EmptyItems {
  left: number;
}

/**
 * The offset just past the value of a schema at `at`; throws AvroFault when it does not fit the bytes. avsc believes any count
 * that stands before an array or map: bytes of another schema can make it fill the memory. So this goes first.
 */
export function valueEnd(node: AvroNode, bytes: Uint8Array, at: number, depth = 0, empty?: EmptyItems): number {
  if (depth > MOST_DEPTH) throw new AvroFault(`what begins at byte ${at} is nested more than ${MOST_DEPTH} deep`);
  switch (node.kind) {
    case 'null':
      return at;
    case 'boolean':
      return within(bytes, at, 1);
    case 'int':
    case 'long':
      return longEnd(bytes, at);
    case 'enum':
      choice(bytes, at, node.symbols.length);
      return longEnd(bytes, at);
    case 'float':
      return within(bytes, at, 4);
    case 'double':
      return within(bytes, at, 8);
    case 'string':
    case 'bytes':
      return within(bytes, longEnd(bytes, at), longAt(bytes, at));
    case 'fixed':
      return within(bytes, at, node.size);
    case 'union':
      return valueEnd(
        node.branches[choice(bytes, at, node.branches.length)]!,
        bytes,
        longEnd(bytes, at),
        depth + 1,
        empty,
      );
    case 'record': {
      let end = at;
      for (const field of node.fields) end = valueEnd(field.node, bytes, end, depth + 1, empty);
      return end;
    }
    case 'array':
    case 'map': {
      const items = node.kind === 'array' ? node.items : node.values;
      const left = empty ?? { left: MOST_EMPTY };
      return blocksEnd(bytes, at, left, (from) => {
        const start = node.kind === 'array' ? from : within(bytes, longEnd(bytes, from), longAt(bytes, from));
        return valueEnd(items, bytes, start, depth + 1, left);
      });
    }
    default:
      return node satisfies never;
  }
}

/** Items come in blocks of a count each, or of a negative count and a length in bytes; a count of 0 is the end. */
function blocksEnd(bytes: Uint8Array, from: number, empty: EmptyItems, itemEnd: (at: number) => number): number {
  let at = from;
  for (;;) {
    let count = longAt(bytes, at);
    at = longEnd(bytes, at);
    if (count === 0) return at;
    if (count < 0) {
      count = -count;
      at = longEnd(bytes, at);
    }
    const start = at;
    for (let i = 0; i < count; i += 1) {
      const end = itemEnd(at);
      if (end === at) empty.left -= 1;
      if (empty.left < 0 || count > bytes.length + MOST_EMPTY)
        throw new AvroFault(`${count} items at byte ${start} are more than its bytes can hold`);
      at = end;
    }
  }
}

function within(bytes: Uint8Array, at: number, length: number): number {
  if (length >= 0 && at + length <= bytes.length) return at + length;
  throw new AvroFault(`it ends at byte ${bytes.length}, within what begins at byte ${at}`);
}

/** The number of a symbol or branch. */
function choice(bytes: Uint8Array, at: number, count: number): number {
  const index = longAt(bytes, at);
  if (index >= 0 && index < count) return index;
  throw new AvroFault(`byte ${at} chooses ${index} where there are ${count} to choose from`);
}

function longEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at]! >= 0x80) at += 1;
  if (at >= bytes.length) throw new AvroFault(`it ends at byte ${bytes.length}, within a number`);
  if (at - from >= 10) throw new AvroFault(`the number at byte ${from} is longer than 64 bits`);
  return at + 1;
}

/** Close enough beyond 2^53: nothing is so long. */
function longAt(bytes: Uint8Array, from: number): number {
  let value = 0;
  let factor = 1;
  for (let at = from; ; at += 1) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    factor *= 128;
  }
}
