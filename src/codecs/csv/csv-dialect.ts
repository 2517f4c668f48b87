import { COMMA, QUOTE } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import { type Encoding, encodingOf } from '../text/encoding.ts';
import type { CsvSettings } from './csv-settings.ts';

/**
 * These two never occur in valid UTF-8. They stand for a delimiter or quote that has more than one byte, so that the
 * scanner only ever looks for single bytes.
 */
const DELIMITER_STAND_IN = 0xfe;
const QUOTE_STAND_IN = 0xff;

/** One special character of a dialect: the byte the scanner looks for, and the UTF-8 bytes it stands for. */
interface Mark {
  readonly byte: number;
  readonly text: string;
  readonly utf8: Uint8Array;
}

/** Settings that were checked, in the form that scanner, transcoder and encoder use. */
export interface CsvDialect {
  readonly delimiter: Mark;
  readonly quote: Mark;
  readonly encoding: Encoding;
  readonly raggedRows: CsvSettings['raggedRows'];
  readonly maxRecordBytes: number;
  readonly maxColumns: number;
  /** Comma and double quote: the fields are canonical as they stand. */
  readonly canonical: boolean;
  /** The scanner sees the bytes of the source themselves, so a position is a byte offset of the source. */
  readonly direct: boolean;
}

/** Checks settings; throws CONFIG_INVALID naming the one that cannot be. */
export function dialectOf(settings: CsvSettings): CsvDialect {
  const { quotechar, maxRecordBytes, maxColumns, raggedRows } = settings;
  const delimiterText = settings.delimiter === 'tab' ? '\t' : settings.delimiter;
  for (const [name, text] of [
    ['delimiter', delimiterText],
    ['quotechar', quotechar],
  ] as const) {
    if (Array.from(text).length !== 1 || text === '\n' || text === '\r' || !text.isWellFormed()) {
      throw new SluiceError(
        'CONFIG_INVALID',
        `csvSettings.${name} is ${JSON.stringify(text)}; it must be one character and no line end` +
          (name === 'delimiter' ? ", or the word 'tab'." : '.'),
      );
    }
  }
  if (delimiterText === quotechar) {
    throw new SluiceError(
      'CONFIG_INVALID',
      `csvSettings.delimiter and csvSettings.quotechar are both ${JSON.stringify(quotechar)}; they must differ.`,
    );
  }
  if (!(maxRecordBytes >= 1 && maxRecordBytes <= 2 ** 30)) {
    throw new SluiceError(
      'CONFIG_INVALID',
      `csvSettings.maxRecordBytes is ${maxRecordBytes}; it must be between 1 and ${2 ** 30}.`,
    );
  }
  const delimiter = markOf(delimiterText, DELIMITER_STAND_IN);
  const quote = markOf(quotechar, QUOTE_STAND_IN);
  const encoding = encodingOf(settings.encoding);
  return {
    delimiter,
    quote,
    encoding,
    raggedRows,
    maxRecordBytes,
    maxColumns,
    canonical: delimiter.byte === COMMA && quote.byte === QUOTE,
    direct: encoding.utf8 && delimiter.utf8.length === 1 && quote.utf8.length === 1,
  };
}

/** Replaces delimiters and quotes of more than one byte by their stand-ins, in place; returns the shorter view. */
export function substituteMarks(bytes: Uint8Array, dialect: CsvDialect): Uint8Array {
  let result = bytes;
  for (const mark of [dialect.delimiter, dialect.quote]) {
    if (mark.utf8.length > 1) result = replaceInPlace(result, mark);
  }
  return result;
}

/** The text that scanned bytes stand for: undoes `substituteMarks`. The same bytes when there is nothing to undo. */
export function restoreMarks(bytes: Uint8Array, dialect: CsvDialect): Uint8Array {
  let result: Uint8Array = bytes;
  for (const mark of [dialect.delimiter, dialect.quote]) {
    if (mark.utf8.length === 1) continue;
    const parts: Uint8Array[] = [];
    let from = 0;
    for (let at = result.indexOf(mark.byte); at >= 0; at = result.indexOf(mark.byte, from)) {
      parts.push(result.subarray(from, at), mark.utf8);
      from = at + 1;
    }
    result = Buffer.concat([...parts, result.subarray(from)]);
  }
  return result;
}

function markOf(text: string, standIn: number): Mark {
  const utf8 = new TextEncoder().encode(text);
  return { text, utf8, byte: utf8.length === 1 ? utf8[0]! : standIn };
}

function replaceInPlace(bytes: Uint8Array, mark: Mark): Uint8Array {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let write = 0;
  let from = 0;
  for (let at = buffer.indexOf(mark.utf8); at >= 0; at = buffer.indexOf(mark.utf8, from)) {
    buffer.copyWithin(write, from, at);
    write += at - from;
    buffer[write] = mark.byte;
    write += 1;
    from = at + mark.utf8.length;
  }
  buffer.copyWithin(write, from);
  return bytes.subarray(0, write + bytes.length - from);
}
