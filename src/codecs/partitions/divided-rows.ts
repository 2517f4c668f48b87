import { COMMA, fieldBounds, LF } from '../../core/canonical-csv.ts';
import type { PartitionKeys } from './partition-keys.ts';

/** Rows of one partition that are in memory together when their row group is made. */
const GROUP_BYTES = 8 * 1024 * 1024;
/** A file is closed when it has so many bytes of rows (canonical CSV). */
const FILE_BYTES = 32 * 1024 * 1024;
/** Rows of all partitions that are gathered; then the largest one gets a file. */
const GATHERED_BYTES = 128 * 1024 * 1024;
const FIRST_BYTES = 16 * 1024;

/** The bounds of what is gathered; another than the usual one is for tests. */
export interface DividingLimits {
  readonly groupBytes: number;
  readonly fileBytes: number;
  readonly gatheredBytes: number;
}

export const DIVIDING_LIMITS: DividingLimits = {
  groupBytes: GROUP_BYTES,
  fileBytes: FILE_BYTES,
  gatheredBytes: GATHERED_BYTES,
};

/** One file to be written: its partition, its number in it, and its rows without the columns of the partition. */
export interface DividedFile {
  readonly path: string;
  readonly number: number;
  readonly rows: number;
  /** Each a row group, as canonical records. */
  readonly groups: readonly { readonly bytes: Uint8Array; readonly ends: Uint32Array }[];
}

/**
 * Divides rows by their partitions. Which rows are in which file depends on the rows and their order alone, not on how they come in batches:
 * whoever divides them again gets the same files. Memory: `gatheredBytes`, and as much again at the most for buffers that grow.
 */
export async function* dividedRows(
  batches: AsyncIterable<{ readonly bytes: Uint8Array; readonly ends: Uint32Array; release(): void }>,
  keys: PartitionKeys,
  columns: number,
  limits: DividingLimits,
): AsyncGenerator<DividedFile, void> {
  const partitions = new Map<string, Partition>();
  const { kept } = keys;
  let gathered = 0;
  const close = (partition: Partition): DividedFile => {
    gathered -= partition.bytes;
    return partition.close();
  };
  for await (const batch of batches) {
    const { bytes, ends } = batch;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const bounds = new Uint32Array(2 * columns);
    for (let row = 0; row < ends.length; row += 1) {
      fieldBounds(bytes, row === 0 ? 0 : ends[row - 1]!, bounds);
      const path = keys.pathOf(buffer, bounds);
      const partition = partitions.get(path) ?? new Partition(path, limits.groupBytes);
      partitions.set(path, partition);
      gathered += partition.add(buffer, bounds, kept);
      if (partition.bytes >= limits.fileBytes) yield close(partition);
      else if (gathered >= limits.gatheredBytes) yield close(largest(partitions.values()));
    }
    batch.release();
  }
  for (const partition of partitions.values()) if (partition.bytes > 0) yield close(partition);
}

function largest(partitions: Iterable<Partition>): Partition {
  let found: Partition | undefined;
  for (const partition of partitions) if (found === undefined || partition.bytes > found.bytes) found = partition;
  return found!;
}

/** The rows of one partition for which there is no file yet. */
class Partition {
  readonly #path: string;
  readonly #groupBytes: number;
  #number = 0;
  #groups: DividedFile['groups'][number][] = [];
  #open = Buffer.alloc(0);
  #filled = 0;
  #ends: number[] = [];
  #closedBytes = 0;
  #rows = 0;

  constructor(path: string, groupBytes: number) {
    this.#path = path;
    this.#groupBytes = groupBytes;
  }

  get bytes(): number {
    return this.#closedBytes + this.#filled;
  }

  /** Takes the fields of a row that are kept; gives their bytes. */
  add(from: Buffer, bounds: Uint32Array, kept: readonly number[]): number {
    const room = kept.reduce((sum, i) => sum + bounds[2 * i + 1]! - bounds[2 * i]! + 1, 0);
    if (this.#filled > 0 && this.#filled + room > this.#groupBytes) this.#closeGroup();
    this.#grow(this.#filled + room);
    let at = this.#filled;
    for (const i of kept) {
      at += from.copy(this.#open, at, bounds[2 * i], bounds[2 * i + 1]);
      this.#open[at] = COMMA;
      at += 1;
    }
    this.#open[at - 1] = LF;
    this.#filled = at;
    this.#ends.push(at);
    this.#rows += 1;
    return room;
  }

  close(): DividedFile {
    this.#closeGroup();
    const file = { path: this.#path, number: this.#number, rows: this.#rows, groups: this.#groups };
    this.#number += 1;
    this.#groups = [];
    this.#closedBytes = 0;
    this.#rows = 0;
    return file;
  }

  #closeGroup(): void {
    if (this.#filled === 0) return;
    this.#groups.push({ bytes: this.#open.subarray(0, this.#filled), ends: Uint32Array.from(this.#ends) });
    this.#closedBytes += this.#filled;
    this.#open = Buffer.alloc(0);
    this.#filled = 0;
    this.#ends = [];
  }

  #grow(bytes: number): void {
    if (bytes <= this.#open.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes, 2 * this.#open.length, FIRST_BYTES));
    this.#open.copy(larger, 0, 0, this.#filled);
    this.#open = larger;
  }
}
