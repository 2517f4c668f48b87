import type { Json } from '../../core/json.ts';
import { columnsState, inEncoding, rowEncoders } from '../jsonl/jsonl-writer.ts';
import type { ObjectWriter } from '../object-format.ts';
import type { Encoding } from '../text/encoding.ts';
import { byteOrderMark, encodeText } from '../text/text-writer.ts';

const BETWEEN = Buffer.from(',\n');

/** Writes one JSON array, with a row on each line. */
export function createJsonWriter(encoding: Encoding): ObjectWriter {
  const encoderFor = rowEncoders(BETWEEN);
  return {
    blockBytes: 0,
    header: (schema) => ({
      bytes: Buffer.concat([byteOrderMark(encoding), encodeText('[', encoding)]),
      state: { ...columnsState(schema), hasRows: false },
    }),
    block(rows, before) {
      const encoder = encoderFor(before);
      const parts = rows.filter(({ ends }) => ends.length > 0).map((batch) => encoder.encode(batch).bytes);
      // What stands between rows stands before those of a block, and not behind them.
      const last = parts.pop()?.subarray(0, -BETWEEN.length);
      const bytes = Buffer.concat([hasRows(before) ? BETWEEN : BETWEEN.subarray(1), ...parts, ...(last ? [last] : [])]);
      return { bytes: inEncoding(bytes, encoding), state: { ...(before as object), hasRows: true } };
    },
    trailer: () => encodeText('\n]\n', encoding),
  };
}

function hasRows(state: Json): boolean {
  return typeof state === 'object' && state !== null && 'hasRows' in state && state['hasRows'] === true;
}
