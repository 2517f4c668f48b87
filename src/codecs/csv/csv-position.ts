import { SluiceError } from '../../core/error.ts';
import type { Position } from '../../core/position.ts';

/** Where reading continues: always at the start of a record, or at the end of the data. */
export interface CsvPosition {
  /** Bytes before it: of the source itself for UTF-8 (a byte order mark counts), else of what it decodes to. */
  readonly offset: number;
  /** Rows before it. */
  readonly row: number;
  /** The 1-based line that starts there. */
  readonly line: number;
}

const CSV_START: CsvPosition = { offset: 0, row: 0, line: 1 };

/** Reads a position back from the JSON it was stored as; throws LEDGER_BROKEN when it is not one. */
export function csvPosition(position: Position | null, split: string): CsvPosition {
  if (position === null) return CSV_START;
  if (typeof position === 'object' && 'offset' in position) {
    const { offset, row, line } = position;
    if (isCount(offset) && isCount(row) && isCount(line)) return { offset, row, line };
  }
  throw new SluiceError(
    'LEDGER_BROKEN',
    `The stored position of ${split} is not one that reading could go on from. Restore the output's ledger, or start anew with --overwrite.`,
  );
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
