import { SluiceError } from '../core/error.ts';
import type { RowBatch } from '../core/row-batch.ts';
import type { Source } from '../core/source.ts';

/** How much of an intake is taken, unpacked and decoded. */
export interface IntakeLimits {
  readonly columns: number;
  /** Bytes of all rows, as canonical CSV has them; null: no limit. */
  readonly bytes: number | null;
}

/** A source that ends with INTAKE_TOO_LARGE where its rows are more than somebody may give: what is small when it is packed need not be small. */
export function limitedSource(source: Source, limits: IntakeLimits): Source {
  let bytes = 0;
  const counted = (batch: RowBatch): RowBatch => {
    const { columns } = batch.schema;
    if (columns.length > limits.columns) throw tooLarge(`has ${columns.length} columns`, `${limits.columns} columns`);
    if (limits.bytes === null) return batch;
    bytes += batch.bytes.length;
    if (bytes > limits.bytes) throw tooLarge('is larger, unpacked and as CSV', `${limits.bytes} bytes`);
    return batch;
  };
  return {
    identity: (signal) => source.identity(signal),
    splits: (signal) => source.splits(signal),
    async *read(split, after, batchLimits, signal) {
      for await (const batch of source.read(split, after, batchLimits, signal)) yield counted(batch);
    },
    check: (signal) => source.check(signal),
    get bytesRead() {
      return source.bytesRead;
    },
    ...(source.finished === undefined ? {} : { finished: async (signal) => source.finished?.(signal) }),
    close: () => source.close(),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
}

function tooLarge(what: string, limit: string): SluiceError {
  return new SluiceError('INTAKE_TOO_LARGE', `The intake ${what}, where ${limit} are the most.`);
}
