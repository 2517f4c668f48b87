import { SluiceError } from '../../../core/error.ts';
import type { MessageFormat, MessagePorts } from '../message-format.ts';
import type { SchemaRegistry } from '../registry/schema-registry.ts';
import { AvroMessageReader } from './avro-reader.ts';
import { avroSchemaOf } from './avro-type.ts';
import { AvroMessageWriter } from './avro-writer.ts';

/** An Avro record per message in Confluent's wire format, its schema in a registry. */
export const avroFormat: MessageFormat = {
  name: 'avro',
  reader({ columns, expected, readerSchema }, ports) {
    const schema = readerSchema ? avroSchemaOf(readerSchema) : null;
    return new AvroMessageReader(registryOf(ports), columns?.length ? columns : null, expected, schema);
  },
  writer({ subject, writerSchema, schemaId = 'value' }, ports) {
    if (!subject) {
      throw new SluiceError(
        'CONFIG_INVALID',
        "subject is missing: the schema of the written messages is registered under it. For a topic it is commonly the topic's name with -value.",
      );
    }
    return new AvroMessageWriter(registryOf(ports), { subject, schemaText: writerSchema ?? null, schemaId });
  },
};

function registryOf({ registry }: MessagePorts): SchemaRegistry {
  if (registry !== null) return registry;
  throw new SluiceError('CONFIG_INVALID', 'Messages of Avro need a schema registry: set its address.');
}
