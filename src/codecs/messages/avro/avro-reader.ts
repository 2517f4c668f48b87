import type { Envelope } from '../../../core/envelope.ts';
import { messageOf } from '../../../core/error.ts';
import type { MessageReader, ReadMessages } from '../../../core/message-format.ts';
import { KnownColumns } from '../known-columns.ts';
import type { SchemaRegistry } from '../registry/schema-registry.ts';
import { RowsUnderWay } from '../rows-under-way.ts';
import { unreadableMessages } from '../unreadable.ts';
import { type AvroSchema, avroSchemaOf } from './avro-type.ts';
import { RecordDecoder } from './record-decoder.ts';
import { type SchemaIdPlace, schemaIdOf } from './schema-id.ts';

/** Reads values that are one Avro record each, of schemas that a registry knows. */
export class AvroMessageReader implements MessageReader {
  readonly #registry: SchemaRegistry;
  readonly #readerSchema: AvroSchema | null;
  readonly #columns: KnownColumns;
  readonly #decoders = new Map<number | string, RecordDecoder>();

  /**
   * @param names null: the columns are those of the schemas, in the order in which they come.
   * @param expected columns that there are besides, from the first message on.
   */
  constructor(
    registry: SchemaRegistry,
    names: readonly string[] | null,
    expected: readonly string[] = [],
    readerSchema: AvroSchema | null = null,
  ) {
    this.#registry = registry;
    this.#columns = new KnownColumns(names, expected);
    this.#readerSchema = readerSchema;
  }

  async read(messages: readonly Envelope[], signal: AbortSignal): Promise<ReadMessages> {
    const places = messages.map(schemaIdOf);
    // Nothing is known of any message before all schemas are there: a rejection changes nothing.
    const missing = await this.#fetch(places, signal);
    const faults = new Map<number, string>();
    const rows = new RowsUnderWay(
      messages.length,
      messages.reduce((sum, { value }) => sum + 2 * (value?.length ?? 0), 0),
    );
    for (const [i, place] of places.entries()) {
      if ('fault' in place) {
        faults.set(i, place.fault);
        continue;
      }
      const decoder = this.#decoders.get(place.id);
      if (decoder === undefined) {
        faults.set(i, missing.get(place.id)!);
        continue;
      }
      const record = decoder.decode(bufferOf(messages[i]!.value!), place.dataAt);
      if (typeof record === 'string') faults.set(i, record);
      else this.#write(decoder, record, i, rows);
    }
    rows.cut(this.#columns.schema);
    return { runs: rows.runs, unreadable: unreadableMessages(faults) };
  }

  #write(decoder: RecordDecoder, record: Readonly<Record<string, unknown>>, message: number, rows: RowsUnderWay): void {
    const fresh = decoder.missing;
    if (fresh.length > 0) {
      rows.cut(this.#columns.schema);
      this.#columns.add(fresh);
    }
    const line = decoder.line(record);
    // No UTF-16 unit has more than three bytes; and two quotes and an LF.
    rows.reserve(3 * line.length + 3);
    rows.at += rows.bytes.write(line, rows.at);
    rows.endRow(message);
  }

  /** Makes the decoders that are missing; returns for each ID that has no schema the reason. */
  async #fetch(
    places: readonly (SchemaIdPlace | { readonly fault: string })[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number | string, string>> {
    const unknown = new Set<number | string>();
    for (const place of places) if ('id' in place && !this.#decoders.has(place.id)) unknown.add(place.id);
    const missing = new Map<number | string, string>();
    await Promise.all(
      [...unknown].map(async (id) => {
        const found = await this.#registry.schema(id, signal);
        if ('missing' in found) {
          missing.set(id, found.missing);
        } else if (found.type !== 'AVRO') {
          missing.set(id, `The schema with the ID ${id} is of the type ${found.type}, and not AVRO.`);
        } else {
          try {
            const writer = avroSchemaOf(found.text, found.references);
            this.#decoders.set(id, new RecordDecoder(writer, this.#readerSchema, this.#columns));
          } catch (error) {
            missing.set(id, `The schema with the ID ${id} cannot be used: ${messageOf(error)}`);
          }
        }
      }),
    );
    return missing;
  }
}

/** avsc wants a Buffer. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
