import type { MessageHeader } from '../../../core/envelope.ts';
import { SluiceError } from '../../../core/error.ts';
import type { MessageWriter, WrittenMessage } from '../../../core/message-format.ts';
import type { Schema } from '../../../core/schema.ts';
import type { OutputRows } from '../../../core/scored-batch.ts';
import { fieldsOf } from '../fields-of.ts';
import type { SchemaRegistry } from '../registry/schema-registry.ts';
import { avroSchemaOf } from './avro-type.ts';
import { RecordEncoder } from './record-encoder.ts';
import { fieldNames, rowSchemaText } from './row-schema.ts';
import { idHeader, idPrefix } from './schema-id.ts';

export interface AvroWriterOptions {
  readonly subject: string;
  /** JSON; null: made from the columns. */
  readonly schemaText: string | null;
  readonly schemaId: 'value' | 'header';
}

/** What the rows of one schema are written with. */
interface Prepared {
  readonly schema: Schema;
  readonly encoder: RecordEncoder;
  readonly prefix: Uint8Array;
  readonly headers: readonly MessageHeader[];
}

/** Writes each row as an Avro record of a schema that is registered first. The messages share one block. */
export class AvroMessageWriter implements MessageWriter {
  readonly #registry: SchemaRegistry;
  readonly #options: AvroWriterOptions;
  #prepared: Prepared | null = null;

  constructor(registry: SchemaRegistry, options: AvroWriterOptions) {
    this.#registry = registry;
    this.#options = options;
  }

  async write({ schema, bytes, ends }: OutputRows, signal: AbortSignal): Promise<readonly WrittenMessage[]> {
    if (schema === null) throw new SluiceError('CONTRACT_BROKEN', 'Rows without a schema were to be written as Avro.');
    const prepared = this.#prepared?.schema === schema ? this.#prepared : await this.#prepare(schema, signal);
    this.#prepared = prepared;
    const { encoder, prefix, headers } = prepared;
    let out = Buffer.allocUnsafeSlow(ends.length * (prefix.length + 16) + 2 * bytes.length);
    const stops = new Uint32Array(ends.length);
    const rows = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    let write = 0;
    let start = 0;
    for (let i = 0; i < ends.length; i += 1) {
      const record = encoder.record(fieldsOf(rows, start, schema.columns.length), i);
      for (;;) {
        const stop = encoder.encode(record, out, write + prefix.length);
        if (stop >= 0) {
          out.set(prefix, write);
          write = stop;
          break;
        }
        out = Buffer.concat([out.subarray(0, write)], 2 * (out.length - stop));
      }
      stops[i] = write;
      start = ends[i]!;
    }
    return Array.from(stops, (stop, i) => ({ value: out.subarray(i === 0 ? 0 : stops[i - 1], stop), headers }));
  }

  async #prepare(schema: Schema, signal: AbortSignal): Promise<Prepared> {
    const { subject, schemaText, schemaId } = this.#options;
    const text = schemaText ?? rowSchemaText(schema);
    const names = schemaText === null ? fieldNames(schema.columns) : schema.columns.map(({ name }) => name);
    const encoder = new RecordEncoder(avroSchemaOf(text), names);
    const { id, guid } = await this.#registry.register(subject, text, signal);
    const inValue = schemaId === 'value';
    return {
      schema,
      encoder,
      prefix: inValue ? idPrefix(id) : new Uint8Array(0),
      headers: inValue ? [] : [idHeader(id, guid)],
    };
  }
}
