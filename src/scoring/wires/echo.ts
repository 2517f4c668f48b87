import type { RowBatch } from '../../core/row-batch.ts';
import { columnNames } from '../../core/schema.ts';

/** So many characters of a request, one after the other, are no accident. */
const TELLING = 24;
const LEFT_OUT = '[the request]';

/**
 * A message of a server without the request that it quotes: DRUM gives back the whole body of one that it cannot read. It is cut
 * where the body, the header line of CSV or one of the first rows begins.
 * @param opening how the body begins, where it is not CSV.
 */
export function withoutEcho(text: string, batch: RowBatch, opening = ''): string {
  const names = columnNames(batch.schema);
  const header = names.join(',');
  // A short one tells with its line end: as Python writes it, and as a message of one line has it.
  const lines = names.length === 1 ? [] : [`${header}\\n`, `${header} `];
  const parts = [opening, header, ...firstRows(batch)].filter((part) => part.length >= TELLING / 2);
  const places = [...parts, ...lines].map((part) => text.indexOf(part.slice(0, TELLING))).filter((at) => at >= 0);
  return places.length === 0 ? text : `${text.slice(0, Math.min(...places))}${LEFT_OUT}`;
}

/** How a body begins, as `withoutEcho` wants it. */
export function openingOf(body: Uint8Array): string {
  return Buffer.from(body.subarray(0, TELLING)).toString('utf8');
}

/** How the first rows begin. */
function firstRows(batch: RowBatch): readonly string[] {
  return Array.from({ length: Math.min(3, batch.rows) }, (_, row) =>
    Buffer.from(batch.row(row).subarray(0, 2 * TELLING))
      .toString('utf8')
      .trimEnd(),
  );
}
