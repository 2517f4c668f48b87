import type { Envelope, MessageHeader } from './envelope.ts';
import type { Schema } from './schema.ts';
import type { OutputRows } from './scored-batch.ts';

/** The header in which Confluent's serializers may name the schema of a value, by ID or GUID. */
export const SCHEMA_ID_HEADER = '__value_schema_id';

/** A message whose value is no row. */
export interface UnreadableMessage {
  /** Index among the messages that were given. */
  readonly message: number;
  /** One line for people: what is wrong, where in the value. */
  readonly reason: string;
}

/** Consecutive messages of one schema as rows in canonical CSV. */
export interface MessageRows {
  readonly schema: Schema;
  readonly bytes: Uint8Array;
  /** Offset just past each record of `bytes`. */
  readonly ends: Uint32Array;
  /** For each row the index of its message among those given; ascending. */
  readonly messages: Uint32Array;
}

/** What messages hold. `runs` and `unreadable` together name every message once; the runs are in the order of the messages. */
export interface ReadMessages {
  /** More than one when the schema changes in between. */
  readonly runs: readonly MessageRows[];
  readonly unreadable: readonly UnreadableMessage[];
}

/**
 * Reads rows from messages that hold one each. Stateful: it knows the columns that it has seen, so make one per partition.
 * A value that is no row is data (`unreadable`); a rejection is a fault of what it needs (a registry that does not answer) and
 * says whether it is worth trying again.
 */
export interface MessageReader {
  read(messages: readonly Envelope[], signal: AbortSignal): Promise<ReadMessages>;
}

/** A row as a message. */
export interface WrittenMessage {
  readonly value: Uint8Array;
  /** Headers that the format itself needs (a schema's ID, where it is not in the value). Usually empty. */
  readonly headers: readonly MessageHeader[];
}

/** Writes rows as messages, one each. */
export interface MessageWriter {
  /** One message per row of `output`, in order; `output.schema` is not null. */
  write(output: OutputRows, signal: AbortSignal): Promise<readonly WrittenMessage[]>;
}
