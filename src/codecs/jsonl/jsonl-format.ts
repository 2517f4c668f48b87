import type { StreamDecoder } from '../../core/codec.ts';
import { csvPosition } from '../csv/csv-position.ts';
import type { FormatPorts, FormatSettings, ObjectFormat } from '../object-format.ts';
import { packedWriter } from '../objects/packed-writer.ts';
import { createStreamReader } from '../objects/stream-reader.ts';
import { encodingOf } from '../text/encoding.ts';
import { jsonStart } from '../text/first-character.ts';
import { JsonlDecoder } from './jsonl-decoder.ts';
import { createJsonlWriter } from './jsonl-writer.ts';

/** JSON Lines: an object on each line, its fields the columns. Nested values are columns of JSON text. */
export const jsonlFormat: ObjectFormat = {
  name: 'jsonl',
  endings: ['jsonl', 'ndjson', 'jsonlines', 'ldjson'],
  recognizes: (head) => jsonStart(head) === 'object' && isObjectOnFirstLine(head),
  reader: (settings, ports) => createStreamReader(createJsonlDecoder(settings, ports)),
  writer: ({ csv }, compression) => packedWriter(createJsonlWriter(encodingOf(csv.encoding)), compression),
};

/**
 * Decodes JSON Lines. Positions are `{ offset, row, line }`; for UTF-8 `offset` is the byte to open the source at. Throws INTAKE_ENCODING,
 * FORMAT_BROKEN, FORMAT_COLUMNS and CSV_RECORD_TOO_LARGE, each with the line; the rows before it come out first.
 */
function createJsonlDecoder({ csv, columns }: FormatSettings, { clock }: FormatPorts): StreamDecoder {
  const { maxRecordBytes, raggedRows } = csv;
  const encoding = encodingOf(csv.encoding);
  const settings = { encoding, columns, badRows: raggedRows, maxRecordBytes, unit: 'line' } as const;
  return {
    offset: (after) => (encoding.utf8 ? csvPosition(after, 'the intake').offset : 0),
    decode: (chunks, context, schema, signal) =>
      new JsonlDecoder(settings, context, clock).batches(chunks, schema, signal),
  };
}

const LF = 0x0a;
const CLOSE_OBJECT = 0x7d;

/** Whether the first line that is not blank seems to be a whole object: of a document that is written over many lines it is not. */
function isObjectOnFirstLine(head: Uint8Array): boolean {
  const start = head.indexOf(0x7b);
  const end = head.indexOf(LF, start);
  let last = (end < 0 ? head.length : end) - 1;
  while (last > start && head[last]! <= 0x20) last -= 1;
  // Of a line that is longer than the head nobody knows.
  return end < 0 || head[last] === CLOSE_OBJECT;
}
