import { COMMA, fieldEnd, QUOTE } from '../../core/canonical-csv.ts';

/** The fields of the canonical record that starts at `start`. */
export function fieldsOf(bytes: Buffer, start: number, columns: number): readonly (string | null)[] {
  const fields: (string | null)[] = [];
  let at = start;
  for (let i = 0; i < columns; i += 1) {
    const end = fieldEnd(bytes, at);
    fields.push(textOf(bytes, at, end));
    at = bytes[end] === COMMA ? end + 1 : end;
  }
  return fields;
}

/** As `decodeField` of the core, by a Buffer, which takes a third of the time for short texts. */
function textOf(bytes: Buffer, start: number, end: number): string | null {
  if (start === end) return null;
  if (bytes[start] !== QUOTE) return bytes.toString('utf8', start, end);
  return bytes.toString('utf8', start + 1, end - 1).replaceAll('""', '"');
}
