import type { MessageFormat } from '../message-format.ts';
import { JsonMessageReader } from './json-reader.ts';
import { JsonMessageWriter } from './json-writer.ts';

/** A flat JSON object per message (RFC 8259, UTF-8). Nested values are columns of JSON text. */
export const jsonFormat: MessageFormat = {
  name: 'json',
  reader: ({ columns, expected }) => new JsonMessageReader(columns?.length ? columns : null, expected),
  writer: () => new JsonMessageWriter(),
};
