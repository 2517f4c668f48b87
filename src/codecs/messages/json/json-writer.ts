import type { MessageHeader } from '../../../core/envelope.ts';
import type { MessageWriter, WrittenMessage } from '../../../core/message-format.ts';
import type { Schema } from '../../../core/schema.ts';
import type { OutputRows } from '../../../core/scored-batch.ts';
import { JsonRowEncoder } from './row-encoder.ts';

const NO_HEADERS: readonly MessageHeader[] = [];

/** Writes each row as a JSON object. The messages share one block. */
export class JsonMessageWriter implements MessageWriter {
  #schema: Schema | null = null;
  #encoder = new JsonRowEncoder({ columns: [] });

  async write(rows: OutputRows): Promise<readonly WrittenMessage[]> {
    const { schema } = rows;
    if (schema !== this.#schema) {
      this.#schema = schema;
      this.#encoder = new JsonRowEncoder(schema ?? { columns: [] });
    }
    const { bytes, stops } = this.#encoder.encode(rows);
    return Array.from(stops, (stop, i) => ({
      value: bytes.subarray(i === 0 ? 0 : stops[i - 1], stop),
      headers: NO_HEADERS,
    }));
  }
}
