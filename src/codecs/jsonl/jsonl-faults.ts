import { SluiceError } from '../../core/error.ts';

/** Where a row is found wanting. */
export interface RowPlace {
  readonly split: string;
  readonly unit: 'line' | 'element';
  /** From 1. */
  readonly line: number;
  /** The offset of the line in the object, unpacked; null where the object has other bytes. */
  readonly byte: number | null;
}

export function brokenRow(place: RowPlace, reason: string): SluiceError {
  return new SluiceError(
    'FORMAT_BROKEN',
    `${placeText(place)}: ${lowered(reason)} Correct it, set intakeSettings.format, or leave such rows out with csvSettings.raggedRows: skip.`,
  );
}

export function unknownField(place: RowPlace, reason: string): SluiceError {
  return new SluiceError(
    'FORMAT_COLUMNS',
    `${placeText(place)}: ${reason}. Name the columns to read in intakeSettings.columns, or leave such rows out with csvSettings.raggedRows: skip.`,
  );
}

export function longRow(place: RowPlace, limit: number): SluiceError {
  return new SluiceError(
    'CSV_RECORD_TOO_LARGE',
    `${placeText(place)} is larger than ${limit} bytes. Set intakeSettings.format if this is no JSON Lines, or raise csvSettings.maxRecordBytes.`,
  );
}

function placeText({ split, unit, line, byte }: RowPlace): string {
  return `${split} ${unit} ${line}${byte === null ? '' : ` (from byte ${byte})`}`;
}

/** A sentence within another one. */
function lowered(reason: string): string {
  return `${reason.charAt(0).toLowerCase()}${reason.slice(1)}`;
}
