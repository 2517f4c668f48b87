import type { StreamDecoder } from '../../core/codec.ts';
import { csvPosition } from '../csv/csv-position.ts';
import { JsonlDecoder } from '../jsonl/jsonl-decoder.ts';
import type { FormatPorts, FormatSettings, ObjectFormat } from '../object-format.ts';
import { packedWriter } from '../objects/packed-writer.ts';
import { skipBytes } from '../objects/skip-bytes.ts';
import { createStreamReader } from '../objects/stream-reader.ts';
import { encodingOf } from '../text/encoding.ts';
import { jsonStart } from '../text/first-character.ts';
import { elementLines } from './element-lines.ts';
import { jsonPathOf } from './json-path.ts';
import { createJsonWriter } from './json-writer.ts';

/** A JSON document with an array of objects, at the top or anywhere within: a row each. Nested values are columns of JSON text. */
export const jsonFormat: ObjectFormat = {
  name: 'json',
  endings: ['json'],
  recognizes: (head) => jsonStart(head) !== null,
  reader: (settings, ports) => createStreamReader(createJsonDecoder(settings, ports)),
  writer: ({ csv }, compression) => packedWriter(createJsonWriter(encodingOf(csv.encoding)), compression),
};

/**
 * Decodes a document by way of lines, one per element: positions count the bytes of those, so a continuation reads the document from
 * its start. Throws INTAKE_ENCODING, FORMAT_BROKEN, FORMAT_COLUMNS and CSV_RECORD_TOO_LARGE, each with the element.
 */
function createJsonDecoder({ csv, columns, jsonPath }: FormatSettings, { clock }: FormatPorts): StreamDecoder {
  const { maxRecordBytes, raggedRows } = csv;
  const path = jsonPathOf(jsonPath);
  const encoding = encodingOf(csv.encoding);
  const settings = {
    encoding: encodingOf('utf-8'),
    columns,
    badRows: raggedRows,
    maxRecordBytes,
    unit: 'element',
  } as const;
  return {
    offset: () => 0,
    decode(chunks, context, schema, signal) {
      const { offset } = csvPosition(context.after, context.split);
      const lines = skipBytes(elementLines(chunks, context.split, path, encoding), offset);
      return new JsonlDecoder(settings, context, clock).batches(lines, schema, signal);
    },
  };
}
