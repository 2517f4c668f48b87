import type { Json } from '../../core/json.ts';
import type { Schema } from '../../core/schema.ts';
import { JsonRowEncoder } from '../messages/json/row-encoder.ts';
import type { ObjectWriter } from '../object-format.ts';
import type { Encoding } from '../text/encoding.ts';
import { byteOrderMark, encodeText } from '../text/text-writer.ts';

const LINE_END = Buffer.from('\n');

/** Writes each row as a JSON object on a line. */
export function createJsonlWriter(encoding: Encoding): ObjectWriter {
  const encoderFor = rowEncoders(LINE_END);
  return {
    blockBytes: 0,
    header: (schema) => ({ bytes: byteOrderMark(encoding), state: columnsState(schema) }),
    block: (rows, state) => {
      const encoder = encoderFor(state);
      return { bytes: inEncoding(Buffer.concat(rows.map((batch) => encoder.encode(batch).bytes)), encoding), state };
    },
    trailer: () => new Uint8Array(0),
  };
}

/** What is known of the columns, as a state has it. */
export function columnsState({ columns }: Schema): { readonly columns: Json } {
  return { columns: columns.map(({ name, type }) => (type === undefined ? { name } : { name, type })) };
}

/** The columns of such a state. */
function schemaOfState(state: Json): Schema {
  return state as unknown as Schema;
}

/** The encoder for the columns of a state, made once. */
export function rowEncoders(behind: Uint8Array): (state: Json) => JsonRowEncoder {
  let made: JsonRowEncoder | null = null;
  return (state) => (made ??= new JsonRowEncoder(schemaOfState(state), behind));
}

/** UTF-8 in the encoding of the output. */
export function inEncoding(bytes: Uint8Array, encoding: Encoding): Uint8Array {
  if (encoding.utf8) return bytes;
  return encodeText(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes), encoding);
}
