import type { CanonicalRows } from './driver.ts';

const LF = 0x0a;
const COMMA = 0x2c;

/** Where rows of a chunk come from, for the dead letters of those that the table refuses. */
export interface ChunkPart {
  /** The chunk's rows before it. */
  readonly from: number;
  readonly split: string;
  /** The output's row that is its first, from 0. */
  readonly firstRow: number;
}

/** Memory of a chunk, used again and again: measured, growing it anew for each costs a tenth of the work. */
export interface ChunkMemory {
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
}

function newMemory(): ChunkMemory {
  return { bytes: new Uint8Array(64 * 1024), ends: new Uint32Array(1024) };
}

/** Rows that are sent in one go, and what becomes durable with them. */
export class RowChunk {
  readonly parts: ChunkPart[] = [];
  /** Dead letters of their batches, as lines of JSON. */
  readonly letters: string[] = [];
  readonly #tail: Uint8Array;
  #bytes: Uint8Array;
  #length = 0;
  #ends: Uint32Array;
  #rows = 0;

  /** @param tail what every row gets at its end, in canonical CSV with its comma; perhaps nothing. */
  constructor(tail: Uint8Array, { bytes, ends }: ChunkMemory = newMemory()) {
    this.#tail = tail;
    this.#bytes = bytes;
    this.#ends = ends;
  }

  /** What another chunk can be made of when nobody needs this one any more. */
  get memory(): ChunkMemory {
    return { bytes: this.#bytes, ends: this.#ends };
  }

  get length(): number {
    return this.#length;
  }

  get count(): number {
    return this.#rows;
  }

  get rows(): CanonicalRows {
    return { bytes: this.#bytes.subarray(0, this.#length), ends: this.#ends.subarray(0, this.#rows) };
  }

  /** Copies rows: their memory may be used again. */
  add(rows: CanonicalRows, part: Omit<ChunkPart, 'from'>): void {
    if (rows.ends.length === 0) return;
    this.parts.push({ ...part, from: this.#rows });
    this.#grow(rows.bytes.length + rows.ends.length * this.#tail.length, rows.ends.length);
    if (this.#tail.length === 0) this.#copy(rows);
    else this.#copyWithTail(rows);
  }

  /** The rows `from` to `to` (exclusive). */
  slice(from: number, to: number): CanonicalRows {
    if (from === 0 && to === this.#rows) return this.rows;
    const base = from === 0 ? 0 : this.#ends[from - 1]!;
    const ends = this.#ends.slice(from, to).map((end) => end - base);
    return { bytes: this.#bytes.subarray(base, base + (ends.at(-1) ?? 0)), ends };
  }

  /** Where a row comes from. */
  originOf(row: number): { readonly split: string; readonly row: number } {
    const part = this.parts.findLast(({ from }) => from <= row)!;
    return { split: part.split, row: part.firstRow + row - part.from };
  }

  #copy({ bytes, ends }: CanonicalRows): void {
    this.#bytes.set(bytes, this.#length);
    for (const end of ends) {
      this.#ends[this.#rows] = this.#length + end;
      this.#rows += 1;
    }
    this.#length += bytes.length;
  }

  #copyWithTail({ bytes, ends }: CanonicalRows): void {
    let start = 0;
    for (const end of ends) {
      const row = bytes.subarray(start, end - 1);
      // A record of one null is written `""`, so that it is no empty line; with another field it need not be.
      this.#bytes.set(row, this.#length);
      this.#length += row.length;
      this.#bytes.set(this.#tail, this.#length);
      this.#length += this.#tail.length;
      this.#bytes[this.#length] = LF;
      this.#length += 1;
      this.#ends[this.#rows] = this.#length;
      this.#rows += 1;
      start = end;
    }
  }

  #grow(bytes: number, rows: number): void {
    if (this.#length + bytes > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + bytes));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    if (this.#rows + rows <= this.#ends.length) return;
    const larger = new Uint32Array(Math.max(2 * this.#ends.length, this.#rows + rows));
    larger.set(this.#ends.subarray(0, this.#rows));
    this.#ends = larger;
  }
}

/** What is put at the end of each row for the run's column. A run's ID has no character that must be quoted. */
export function runTail(run: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(COMMA), Buffer.from(run)]);
}
