import { encodeRecords } from '../../src/core/canonical-csv.ts';
import type { RowBatch } from '../../src/core/row-batch.ts';
import type { Scorer, Scores } from '../../src/core/scorer.ts';

interface Behaviour {
  /** Rows whose id makes this true cannot be scored. */
  readonly bad?: (id: number) => boolean;
  /** Waited for before each reply. */
  readonly delay?: (batch: RowBatch) => Promise<void>;
}

/** A scorer that doubles the id of every row; `inFlight.most` tells how many batches it ever had at once. */
export function arithmeticScorer({
  bad = () => false,
  delay = async () => undefined,
}: Behaviour = {}): Scorer & { readonly inFlight: { now: number; most: number } } {
  const inFlight = { now: 0, most: 0 };
  const score = async (batch: RowBatch, signal: AbortSignal): Promise<Scores> => {
    inFlight.now += 1;
    inFlight.most = Math.max(inFlight.most, inFlight.now);
    try {
      await delay(batch);
      signal.throwIfAborted();
      const ids = batch.records().map((record) => Number(record[0]));
      const failures = ids.flatMap((id, row) => (bad(id) ? [{ row, reason: `id ${id} is bad`, attempts: 1 }] : []));
      if (failures.length === ids.length)
        return {
          rows: ids.length,
          columns: [],
          bytes: new Uint8Array(0),
          ends: new Uint32Array(0),
          failures,
          model: null,
        };
      const cells = encodeRecords(ids.map((id) => [bad(id) ? '' : String(2 * id)]));
      return {
        rows: ids.length,
        columns: [{ name: 'double_PREDICTION', role: { kind: 'prediction' } }],
        ...cells,
        failures,
        model: null,
      };
    } finally {
      inFlight.now -= 1;
    }
  };
  return {
    inFlight,
    describe: async () => ({}),
    score,
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}
