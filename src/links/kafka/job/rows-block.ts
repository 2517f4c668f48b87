import type { Json } from '../../../core/json.ts';
import { linesFrom } from '../../../core/lines-from.ts';
import type { LinkRecord } from '../../../core/link.ts';
import type { Position } from '../../../core/position.ts';
import { type RejectedRecord, RowBatch } from '../../../core/row-batch.ts';
import type { Block } from './block.ts';
import { type BlockForm, bytesText, textBytes } from './block-form.ts';

/**
 * Rows of a job on their way to the score stage. Facts: `read` (rows of the job through this batch), `split`, `firstRow`, `after`,
 * `position`, and `line` (of the first row) or `lines` (of each, where they do not follow each other). Letters: rejected records.
 */
export const rowsForm: BlockForm<RowBatch> = {
  encode(sequence, batch, read): Block {
    const { split, firstRow, after, position, rejected, lines } = batch.origin;
    return {
      facts: { kind: 'rows', sequence, read, split, firstRow, after, position, ...linesFacts(lines) },
      schema: batch.schema,
      bytes: batch.bytes,
      ends: batch.ends,
      letters: rejected.map(({ line, reason, bytes }) => JSON.stringify({ line, reason, bytes: bytesText(bytes) })),
    };
  },
  decode({ facts, schema, bytes, ends, letters }): LinkRecord<RowBatch> {
    const rejected = letters.map((letter): RejectedRecord => {
      const { line, reason, bytes: text } = JSON.parse(letter) as { line: number; reason: string; bytes: string };
      return { line, reason, bytes: textBytes(text) };
    });
    const origin = {
      split: facts['split'] as string,
      firstRow: facts['firstRow'] as number,
      lines: linesOf(facts, ends.length),
      after: facts['after'] as Position | null,
      position: facts['position'] as Position,
      rejected,
    };
    const value = RowBatch.fromCsv(schema ?? { columns: [] }, origin, bytes, ends);
    return { kind: 'batch', sequence: facts.sequence, value, read: facts['read'] as number };
  },
  sizeOf: (batch) => batch.bytes.length,
  release: (batch) => batch.release(),
};

function linesFacts(lines: Float64Array | undefined): Readonly<Record<string, Json>> {
  if (lines === undefined || lines.length === 0) return {};
  const first = lines[0]!;
  for (let row = 1; row < lines.length; row += 1) if (lines[row] !== first + row) return { lines: [...lines] };
  return { line: first };
}

function linesOf(facts: Block['facts'], rows: number): Float64Array | undefined {
  if (Array.isArray(facts['lines'])) return Float64Array.from(facts['lines'] as number[]);
  const first = facts['line'];
  return typeof first === 'number' ? linesFrom(first, rows) : undefined;
}
