import { REJECTED_BYTES, type RejectedRecord } from '../../core/row-batch.ts';
import { type CsvDialect, restoreMarks } from './csv-dialect.ts';

/** Keeps a record that is left out: a copy of its bytes as they stood in the source, cut to REJECTED_BYTES. */
export function rejectedRecord(record: Uint8Array, line: number, reason: string, dialect: CsvDialect): RejectedRecord {
  const bytes = restoreMarks(record.slice(0, REJECTED_BYTES + 1), dialect);
  return { line, reason, bytes: bytes.subarray(0, keptLength(bytes)) };
}

/** REJECTED_BYTES at the most, and no part of a character. */
function keptLength(bytes: Uint8Array): number {
  if (bytes.length <= REJECTED_BYTES) return bytes.length;
  let end = REJECTED_BYTES;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return end;
}
