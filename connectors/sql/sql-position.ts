import { decodeField, fieldBounds, type Position, type RowBatch, SluiceError } from '../../src/sdk.ts';

/** Where reading continues within a range. */
export interface SqlPosition {
  /** Rows before it. */
  readonly row: number;
  /** The key of the row before it, as canonical text; null where there is no key. */
  readonly key: readonly string[] | null;
}

const START: SqlPosition = { row: 0, key: null };

/** Reads a position back from the JSON it was stored as; throws LEDGER_BROKEN when it is not one. */
export function sqlPosition(position: Position | null, split: string): SqlPosition {
  if (position === null) return START;
  if (typeof position === 'object' && 'row' in position) {
    const { row, key } = position;
    const isKey = key === null || (Array.isArray(key) && key.every((part) => typeof part === 'string'));
    if (typeof row === 'number' && Number.isSafeInteger(row) && row >= 0 && isKey) return { row, key };
  }
  throw new SluiceError(
    'LEDGER_BROKEN',
    `The stored position of ${split} is not one of a database. Restore the output's ledger, or start anew with --overwrite.`,
  );
}

/** The key of one row of a batch. @param places the indexes of the key's columns among the fields. */
export function keyOfRow(batch: RowBatch, row: number, places: readonly number[]): readonly string[] {
  const bounds = new Uint32Array(2 * (Math.max(...places) + 1));
  fieldBounds(batch.bytes, batch.start(row), bounds);
  return places.map((place) => {
    const value = decodeField(batch.bytes, bounds[2 * place]!, bounds[2 * place + 1]!);
    if (value !== null) return value;
    throw new SluiceError(
      'CONFIG_INVALID',
      `intakeSettings.keyColumns: row ${batch.origin.firstRow + row + 1} of ${batch.origin.split} has a null in its key; a key has no nulls.`,
    );
  });
}
