import { encodeRecords } from '../../src/core/canonical-csv.ts';
import { RowBatch } from '../../src/core/row-batch.ts';
import { schemaOf } from '../../src/core/schema.ts';
import type { Statistics } from '../../src/core/statistics.ts';
import type { Baseline } from '../../src/monitoring/baseline.ts';
import { createMonitor } from '../../src/monitoring/batch-monitor.ts';
import { buildBaseline } from '../../src/monitoring/build-baseline.ts';

const origin = { split: 's', firstRow: 0, after: null, position: 0, rejected: [] };

function batchOf(cells: readonly number[]): RowBatch {
  const { bytes, ends } = encodeRecords(cells.map((cell) => [cell]));
  return RowBatch.fromCsv(schemaOf(['x']), origin, bytes, ends);
}

/** The baseline of rows with a single column of numbers, `x`. */
export async function baselineOfColumn(cells: readonly number[]): Promise<Baseline> {
  const built = await buildBaseline({
    name: 'rows',
    read: async function* () {
      yield batchOf(cells);
    },
    choose: (names) => names,
    labels: () => [],
  });
  return { version: 1, source: '', created: '', rows: built.rows, features: built.columns, predictions: [] };
}

/** What is counted of such rows when all of them were scored. */
export function statisticsOfColumn(cells: readonly number[], baseline: Baseline | null): Statistics {
  const scores = {
    rows: cells.length,
    columns: [{ name: 'y_PREDICTION', role: { kind: 'prediction' as const } }],
    ...encodeRecords(cells.map(() => [1])),
    failures: [],
    model: null,
  };
  return createMonitor({ statistics: { baseline, every: 1 }, associationId: null }).observe(batchOf(cells), scores)
    .statistics!;
}
