import { byteBlock } from '../byte-block.ts';
import { leafText, numberText, type StoredValue, shortestFloat } from './leaf-text.ts';
import type { LeafType } from './leaf-type.ts';
import { RecordBuffer } from './record-buffer.ts';
import { ByteSlices, type StoredValues } from './stored-values.ts';
import { TimestampCells } from './timestamp-cells.ts';

/** Values that can be written as canonical fields, by their index. */
export interface Cells {
  put(out: RecordBuffer, index: number): void;
}

/** The fastest way to write values of a type. */
export function cellsOf(leaf: LeafType, values: StoredValues): Cells {
  if (values instanceof ByteSlices) return leaf.kind === 'text' ? new TextCells(values) : new SliceCells(leaf, values);
  if (leaf.kind === 'integer' && values instanceof Int32Array && leaf.signed) return new IntegerCells(values);
  if (leaf.kind === 'integer' && values instanceof BigInt64Array && leaf.signed) return new LongCells(values);
  if (leaf.kind === 'temporal' && values instanceof BigInt64Array && leaf.logical.includes('timestamp-')) {
    return new TimestampCells(leaf.logical, values);
  }
  if (leaf.kind === 'double' || leaf.kind === 'float') return new NumberCells(values as Float64Array);
  return new OtherCells(leaf, values);
}

/** The entries of a dictionary, written once, and chosen by the indexes of a page. */
export class DictionaryCells implements Cells {
  readonly #bytes: Uint8Array;
  /** Where each entry ends; the first one starts at 0. */
  readonly #ends: Uint32Array;
  #indexes: Int32Array = new Int32Array(0);

  constructor(cells: Cells, count: number) {
    const out = new RecordBuffer(byteBlock(16 * count + 16));
    this.#ends = new Uint32Array(count);
    for (let i = 0; i < count; i += 1) {
      cells.put(out, i);
      this.#ends[i] = out.at;
    }
    this.#bytes = out.bytes.slice(0, out.at);
  }

  /** Throws when an index is that of no entry. */
  choose(indexes: Int32Array): void {
    const count = this.#ends.length;
    for (const index of indexes)
      if (index < 0 || index >= count) throw new Error(`it has no entry ${index} in its dictionary`);
    this.#indexes = indexes;
  }

  put(out: RecordBuffer, index: number): void {
    const entry = this.#indexes[index]!;
    out.putField(this.#bytes, entry === 0 ? 0 : this.#ends[entry - 1]!, this.#ends[entry]!);
  }
}

class TextCells implements Cells {
  readonly #values: ByteSlices;

  constructor(values: ByteSlices) {
    this.#values = values;
  }

  put(out: RecordBuffer, index: number): void {
    const { bytes, starts, ends } = this.#values;
    out.putText(bytes, starts[index]!, ends[index]!);
  }
}

class IntegerCells implements Cells {
  readonly #values: Int32Array;

  constructor(values: Int32Array) {
    this.#values = values;
  }

  put(out: RecordBuffer, index: number): void {
    out.putInteger(this.#values[index]!);
  }
}

/** Integers of 64 bits, by their halves: most fit one, and no bigint has to be made of them. */
class LongCells implements Cells {
  readonly #halves: Int32Array;
  readonly #values: BigInt64Array;

  constructor(values: BigInt64Array) {
    this.#values = values;
    this.#halves = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
  }

  put(out: RecordBuffer, index: number): void {
    const low = this.#halves[2 * index]!;
    if (this.#halves[2 * index + 1] === low >> 31) out.putInteger(low);
    else out.putPlain(String(this.#values[index]));
  }
}

class NumberCells implements Cells {
  readonly #values: Float64Array | Float32Array;

  constructor(values: Float64Array | Float32Array) {
    this.#values = values;
  }

  put(out: RecordBuffer, index: number): void {
    const value = this.#values[index]!;
    const whole = value | 0;
    if (whole === value && (whole !== 0 || !Object.is(value, -0))) out.putInteger(whole);
    else out.putPlain(numberText(this.#values instanceof Float32Array ? shortestFloat(value) : value));
  }
}

/** Byte arrays that are no text. */
class SliceCells implements Cells {
  readonly #leaf: LeafType;
  readonly #values: ByteSlices;

  constructor(leaf: LeafType, values: ByteSlices) {
    this.#leaf = leaf;
    this.#values = values;
  }

  put(out: RecordBuffer, index: number): void {
    const { bytes, starts, ends } = this.#values;
    putLeaf(out, this.#leaf, bytes.subarray(starts[index], ends[index]));
  }
}

class OtherCells implements Cells {
  readonly #leaf: LeafType;
  readonly #values: Exclude<StoredValues, ByteSlices>;

  constructor(leaf: LeafType, values: Exclude<StoredValues, ByteSlices>) {
    this.#leaf = leaf;
    this.#values = values;
  }

  put(out: RecordBuffer, index: number): void {
    putLeaf(out, this.#leaf, this.#values[index]!);
  }
}

/** None of these texts has anything in it that would need quotes, but for the one that is empty. */
function putLeaf(out: RecordBuffer, leaf: LeafType, value: StoredValue): void {
  const text = leafText(leaf, value);
  if (text === '') out.putString(text);
  else out.putPlain(text);
}
