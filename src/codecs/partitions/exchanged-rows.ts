import { SluiceError } from '../../core/error.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import type { Schema } from '../../core/schema.ts';
import { defaultCsvSettings } from '../csv/csv-settings.ts';
import type { ReadableObject } from '../object-format.ts';
import { rowsOf } from '../objects/output-rows.ts';
import type { DividedFile } from './divided-rows.ts';
import { encodePartitionFile } from './partition-file.ts';
import type { PartitionedSinkOptions } from './partitioned-options.ts';

/** What the rows of one partition become: records without the columns of the partition, each with its LF. */
export interface RowChange {
  readonly before: Uint8Array;
  /** Null: the row goes, as it is in another partition now. */
  readonly now: Uint8Array | null;
}

type FileSettings = Pick<PartitionedSinkOptions, 'compression' | 'clock'>;

/** A row group is made of so many bytes of rows at the most, as when rows are divided. */
const LIMITS = { rows: 1_000_000, bytes: 8 * 1024 * 1024, lingerMs: Number.POSITIVE_INFINITY };

/**
 * Finds the rows of one partition that change, in the order of its files. A file has no numbers of rows, so a row is found by all its fields;
 * of rows that are alike the first one is the one of the first change, as the rows of a partition keep their order.
 */
export class ExchangedRows {
  /** Changes by what the rows look like that they are of; the next one last. */
  readonly #wanted = new Map<string, (Uint8Array | null)[]>();
  #left: number;

  private constructor(texts: readonly string[], changes: readonly RowChange[]) {
    for (const [i, text] of texts.entries()) {
      const alike = this.#wanted.get(text);
      if (alike === undefined) this.#wanted.set(text, [changes[i]!.now]);
      else alike.push(changes[i]!.now);
    }
    for (const alike of this.#wanted.values()) alike.reverse();
    this.#left = changes.length;
  }

  /** @param schema of the files, in which a row may read otherwise than it was written: a number, a time. */
  static async of(
    changes: readonly RowChange[],
    schema: Schema,
    settings: FileSettings,
    signal: AbortSignal,
  ): Promise<ExchangedRows> {
    const { bytes } = await encodePartitionFile(
      { groups: [group(changes.map(({ before }) => before))], rows: changes.length },
      schema,
      settings,
    );
    const texts: string[] = [];
    for await (const batch of readFile('rows', bytes, signal))
      for (let row = 0; row < batch.rows; row += 1) texts.push(textOf(batch, row));
    return new ExchangedRows(texts, changes);
  }

  /** Rows that were not found yet. */
  get left(): number {
    return this.#left;
  }

  /** The rows of a file as they are now; null for one that has none of those that change. */
  async in(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<Pick<DividedFile, 'groups' | 'rows'> | null> {
    const groups: DividedFile['groups'][number][] = [];
    const before = this.#left;
    let rows = 0;
    for await (const batch of readFile(name, bytes, signal)) {
      const pieces: Uint8Array[] = [];
      for (let row = 0; row < batch.rows; row += 1) {
        const now = this.#change(textOf(batch, row));
        if (now !== null) pieces.push(now ?? batch.row(row));
      }
      rows += pieces.length;
      if (pieces.length > 0) groups.push(group(pieces));
      batch.release();
    }
    return this.#left === before ? null : { groups, rows };
  }

  /** What a row becomes; undefined for one that stays as it is. */
  #change(text: string): Uint8Array | null | undefined {
    const change = this.#wanted.get(text)?.pop();
    if (change !== undefined) this.#left -= 1;
    return change;
  }
}

/** The columns of a file. */
export async function schemaOfFile(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<Schema> {
  for await (const { schema } of readFile(name, bytes, signal)) return schema;
  throw new SluiceError('LEDGER_BROKEN', `${name} has no rows, though its manifest says so.`);
}

async function* readFile(name: string, bytes: Uint8Array, signal: AbortSignal): AsyncGenerator<RowBatch, void> {
  const object: ReadableObject = {
    name,
    bytes: bytes.length,
    compression: 'none',
    async *read(offset) {
      yield bytes.subarray(offset);
    },
    range: async (from, length) => Uint8Array.from(bytes.subarray(from, from + length)),
  };
  yield* rowsOf(object, 'parquet', defaultCsvSettings, LIMITS, signal);
}

function textOf(batch: RowBatch, row: number): string {
  const { buffer, byteOffset, byteLength } = batch.row(row);
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
}

/** A copy: the memory of rows is used again. */
function group(pieces: readonly Uint8Array[]): DividedFile['groups'][number] {
  let at = 0;
  return { bytes: Buffer.concat(pieces), ends: Uint32Array.from(pieces, (piece) => (at += piece.length)) };
}
