import { COMMA, fieldBounds, LF } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import type { RecordAt } from './row-comparer.ts';

const CHUNK_BYTES = 4 * 1024 * 1024;
/** What a row takes beside its bytes: its entry in the map, the key's header, its places. */
const ROW_OVERHEAD = 120;
/** A map holds 2^24 entries at the most. */
const MOST_ROWS = 16_000_000;

/** The compared cells of one output by key, in memory, up to a limit. */
export class KeyedRows {
  readonly #name: string;
  readonly #cells: readonly number[];
  readonly #bounds: Uint32Array;
  readonly #limit: number;
  readonly #rows = new Map<string, number>();
  readonly #chunks: Buffer[] = [];
  readonly #chunkOf: number[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #taken = new Uint8Array(1024);
  #free = 0;
  #bytes = 0;

  /** @param cells the places of the cells that are kept, which become the places 0, 1, 2 … */
  constructor(name: string, cells: readonly number[], limitBytes: number) {
    this.#name = name;
    this.#cells = cells;
    this.#bounds = new Uint32Array(2 * (cells.reduce((most, cell) => Math.max(most, cell), -1) + 1));
    this.#limit = limitBytes;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** False when the key is there already. */
  add(key: string, bytes: Buffer, start: number): boolean {
    if (this.#rows.has(key)) return false;
    const row = this.#rows.size;
    fieldBounds(bytes, start, this.#bounds);
    let room = this.#cells.length + 1;
    for (const cell of this.#cells) room += this.#bounds[2 * cell + 1]! - this.#bounds[2 * cell]!;
    this.#account(room + 2 * key.length + ROW_OVERHEAD);
    const chunk = this.#chunkWith(room);
    const from = this.#free;
    for (const [i, cell] of this.#cells.entries()) {
      if (i > 0) chunk[this.#free++] = COMMA;
      this.#free += bytes.copy(chunk, this.#free, this.#bounds[2 * cell], this.#bounds[2 * cell + 1]);
    }
    this.#starts.push(from);
    this.#ends.push(this.#free);
    this.#chunkOf.push(this.#chunks.length - 1);
    chunk[this.#free++] = LF;
    this.#rows.set(key, row);
    return true;
  }

  /** The row of a key, once: `taken` the second time, null when there is none. `into` is filled. */
  take(key: string, into: RecordAt): 'found' | 'taken' | null {
    const row = this.#rows.get(key);
    if (row === undefined) return null;
    if (this.#taken.length <= row) {
      const grown = new Uint8Array(Math.max(2 * this.#taken.length, row + 1));
      grown.set(this.#taken);
      this.#taken = grown;
    }
    if (this.#taken[row] === 1) return 'taken';
    this.#taken[row] = 1;
    into.bytes = this.#chunks[this.#chunkOf[row]!]!;
    into.start = this.#starts[row]!;
    into.end = this.#ends[row]!;
    return 'found';
  }

  #account(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= this.#limit && this.#rows.size < MOST_ROWS) return;
    throw new SluiceError(
      'CONFIG_INVALID',
      `A join by --key holds the rows of ${this.#name} in memory, and they take more than ${Math.round(this.#limit / 2 ** 20)} MB ` +
        `(after ${this.#rows.size} rows). Order both outputs alike and leave --key out, compare fewer columns with --columns, ` +
        'or raise the limit with --memory.',
    );
  }

  #chunkWith(room: number): Buffer {
    const last = this.#chunks.at(-1);
    if (last !== undefined && last.length - this.#free >= room) return last;
    const chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, room));
    this.#chunks.push(chunk);
    this.#free = 0;
    return chunk;
  }
}
