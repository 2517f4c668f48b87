import { RowBatch } from '../../src/core/row-batch.ts';
import { schemaOf } from '../../src/core/schema.ts';
import type { Source } from '../../src/core/source.ts';

/** A source of numbered rows (`id`, `text`) in splits of the given lengths, cut by the limits' rows. */
export function memorySource(splitRows: readonly number[]): Source & { readonly emitted: { rows: number } } {
  const schema = schemaOf(['id', 'text']);
  const emitted = { rows: 0 };
  const source = {
    emitted,
    bytesRead: 0,
    identity: async () => splitRows,
    splits: async () => splitRows.map((_, index) => ({ id: `split-${index}`, bytes: null })),
    async *read(split: { readonly id: string }, after: unknown, limits: { readonly rows: number }) {
      const index = Number(split.id.slice('split-'.length));
      const before = splitRows.slice(0, index).reduce((sum, rows) => sum + rows, 0);
      const total = splitRows[index]!;
      for (let from = (after as number | null) ?? 0; from < total; ) {
        const to = Math.min(total, from + limits.rows);
        const records = Array.from({ length: to - from }, (_, i) => [
          String(before + from + i),
          `row ${before + from + i}`,
        ]);
        emitted.rows += to - from;
        yield RowBatch.fromRecords(
          schema,
          { split: split.id, firstRow: from, after: from === 0 ? null : from, position: to, rejected: [] },
          records,
        );
        from = to;
      }
    },
    check: async () => undefined,
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  return source;
}
