import { SluiceError } from '../../core/error.ts';
import type { Position } from '../../core/position.ts';

/** Where reading continues: in a block, behind some of its records. */
export interface AvroPosition {
  /** Of the block in the file, unpacked; of the end of the file when all was read. */
  readonly offset: number;
  /** Records of the block before it. */
  readonly skip: number;
  /** Rows before it. */
  readonly row: number;
}

/** Reads a position back from the JSON it was stored as; throws LEDGER_BROKEN when it is not one. */
export function avroPosition(position: Position, split: string): AvroPosition {
  if (typeof position === 'object' && position !== null && 'skip' in position) {
    const { offset, skip, row } = position;
    if (isCount(offset) && isCount(skip) && isCount(row)) return { offset, skip, row };
  }
  throw new SluiceError(
    'LEDGER_BROKEN',
    `The stored position of ${split} is not one of an Avro file. Restore the output's ledger, or start anew with --overwrite.`,
  );
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
