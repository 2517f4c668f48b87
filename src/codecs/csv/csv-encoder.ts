import { encodeRecord } from '../../core/canonical-csv.ts';
import { columnNames, type Schema } from '../../core/schema.ts';
import type { OutputRows } from '../../core/scored-batch.ts';
import { byteOrderMark, encodeText } from '../text/text-writer.ts';
import type { CsvDialect } from './csv-dialect.ts';

/** The header line of an output, behind a byte order mark where the encoding wants one. */
export function encodeCsvHeader(schema: Schema, dialect: CsvDialect): Uint8Array {
  const line = inDialect(encodeRecord(columnNames(schema)), dialect);
  return Buffer.concat([byteOrderMark(dialect.encoding), encodeText(line, dialect.encoding)]);
}

/** Canonical rows in the output's dialect and encoding: the bytes themselves where those are the canonical ones. */
export function encodeCsvRows(rows: OutputRows, dialect: CsvDialect): Uint8Array {
  if (dialect.canonical && dialect.encoding.utf8) return rows.bytes;
  // The rows have no byte order mark; U+FEFF at their start is text.
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(rows.bytes);
  return encodeText(inDialect(text, dialect), dialect.encoding);
}

/** Canonical text with another delimiter and quote. Fields in quotes keep them: an empty one is not a missing value. */
function inDialect(text: string, dialect: CsvDialect): string {
  if (dialect.canonical) return text;
  const delimiter = dialect.delimiter.text;
  const quote = dialect.quote.text;
  const inQuotes = (value: string): string => `${quote}${value.replaceAll(quote, quote + quote)}${quote}`;
  let result = '';
  for (let at = 0; at < text.length; at += 1) {
    let end = at;
    if (text[at] === '"') {
      do end = text.indexOf('"', end + 1);
      while (text[end + 1] === '"' && ++end);
      end += 1;
      result += inQuotes(text.slice(at + 1, end - 1).replaceAll('""', '"'));
    } else {
      while (text[end] !== ',' && text[end] !== '\n') end += 1;
      const value = text.slice(at, end);
      result += value.includes(delimiter) || value.includes(quote) ? inQuotes(value) : value;
    }
    result += text[end] === ',' ? delimiter : '\n';
    at = end;
  }
  return result;
}
