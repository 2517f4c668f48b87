import type { Clock } from '../../core/clock.ts';
import type { MessageReader, MessageWriter } from '../../core/message-format.ts';
import type { SchemaRegistry } from './registry/schema-registry.ts';

/** How rows stand in messages. Each format takes what it knows and leaves the rest. */
export interface MessageFormatSettings {
  /** The name of a format of `message-formats.ts`. */
  readonly format: string;
  /**
   * Reading: the columns of the rows, in order; a field of any other name is left out. Null: what the messages have, which CSV
   * cannot say.
   */
  readonly columns?: readonly string[] | null;
  /** Reading, without `columns`: columns that rows have, as null, even where no message has shown them yet. */
  readonly expected?: readonly string[];
  /** CSV, reading: one character or `tab`. Default: a comma. Written rows always have commas. */
  readonly delimiter?: string;
  /** CSV, reading: one character. Default: `"`. */
  readonly quotechar?: string;
  /** Avro, reading: the schema (JSON) that messages of every schema are resolved to. */
  readonly readerSchema?: string | null;
  /** Avro, writing: the subject under which the schema is registered. */
  readonly subject?: string | null;
  /** Avro, writing: the schema (JSON) of a record; null: made from the columns. */
  readonly writerSchema?: string | null;
  /** Avro, writing: whether the schema's ID stands before the data, or in the header `__value_schema_id`. */
  readonly schemaId?: 'value' | 'header';
}

/** What formats need from outside. One registry may serve any number of readers and writers. */
export interface MessagePorts {
  readonly clock: Clock;
  /** Null where no registry is configured. */
  readonly registry: SchemaRegistry | null;
}

/** One format: a folder of its own, and a line in `message-formats.ts`. Both functions throw CONFIG_INVALID. */
export interface MessageFormat {
  readonly name: string;
  reader(settings: MessageFormatSettings, ports: MessagePorts): MessageReader;
  writer(settings: MessageFormatSettings, ports: MessagePorts): MessageWriter;
}
