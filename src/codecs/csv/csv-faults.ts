import { SluiceError } from '../../core/error.ts';

/** Where a record is found wanting; lines are 1-based, and so is the field. */
export interface FaultPlace {
  readonly split: string;
  readonly line: number;
  readonly field: number;
}

/** What is wrong with the number of a record's fields, as a rejected record keeps it. */
export function raggedReason(fields: number, columns: number): string {
  return `${fields} ${fields === 1 ? 'field' : 'fields'} where the header has ${columns}`;
}

/** @param hint one more sentence, with a space before it, or nothing. */
export function raggedFault({ split, line }: FaultPlace, reason: string, hint: string): SluiceError {
  return new SluiceError(
    'CSV_RAGGED',
    `${split} line ${line}: ${reason}.${hint} Correct the line, check csvSettings.delimiter, ` +
      'or leave such rows out with csvSettings.raggedRows: skip.',
  );
}

export function textBehindQuoteFault({ split, line, field }: FaultPlace): SluiceError {
  return new SluiceError(
    'CSV_QUOTE',
    `${split} line ${line}: text follows the quote that closes field ${field}. ` +
      'Double a quote that belongs to the text, or set csvSettings.quotechar.',
  );
}

export function strayQuoteFault({ split, line, field }: FaultPlace): SluiceError {
  return new SluiceError(
    'CSV_QUOTE',
    `${split} line ${line}: a quote stands within field ${field}, which does not begin with one. ` +
      'Put the whole field in quotes and double the quote, or set csvSettings.quotechar.',
  );
}

export function openQuoteFault({ split, line, field }: FaultPlace): SluiceError {
  return new SluiceError(
    'CSV_QUOTE',
    `${split} line ${line}: the quote that opens field ${field} is never closed. ` +
      'Close it, or set csvSettings.quotechar.',
  );
}

/** @param quoteLine where a quote opens that is not closed yet; 0 when there is none. */
export function tooLargeFault({ split, line }: FaultPlace, limit: number, quoteLine: number): SluiceError {
  const open = quoteLine === 0 ? '' : ` (a quote opens on line ${quoteLine})`;
  return new SluiceError(
    'CSV_RECORD_TOO_LARGE',
    `${split} line ${line}: the record is larger than ${limit} bytes${open}. ` +
      'Look for an unclosed quote, or raise csvSettings.maxRecordBytes.',
  );
}

/** @param byte the offset of the first wrong byte in the source, unpacked; null where it is not known. */
export function encodingFault(split: string, line: number, byte: number | null, encoding: string): SluiceError {
  const place = byte === null ? '' : ` at byte ${byte}`;
  return new SluiceError(
    'INTAKE_ENCODING',
    `${split} line ${line} is not valid ${encoding}${place}. ` +
      'Set csvSettings.encoding to the encoding of the file, for example cp1252 or shift_jis.',
  );
}
