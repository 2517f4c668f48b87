import { decodeField, fieldBounds, QUOTE } from '../../../core/canonical-csv.ts';
import type { Envelope, MessageHeader } from '../../../core/envelope.ts';
import { SluiceError } from '../../../core/error.ts';
import { type MessageWriter, SCHEMA_ID_HEADER, type WrittenMessage } from '../../../core/message-format.ts';
import type { Schema } from '../../../core/schema.ts';
import type { OutputRows } from '../../../core/scored-batch.ts';
import type { ProducerRecord } from '../client.ts';

/** What a row's message has besides its value. */
export interface RowMessageSettings {
  /** The key of the message that the row came in, none, or the text of an output column (no key where it is null). */
  readonly key: 'envelope' | 'none' | { readonly column: string };
  /** Whether the headers of the message that the row came in go with it. The format's own headers are always there. */
  readonly headers: 'keep' | 'drop';
  /** The timestamp of the message that the row came in, or the time of writing. */
  readonly timestamp: 'keep' | 'now';
}

/** Makes messages of output rows. */
export class RowMessages {
  readonly #writer: MessageWriter;
  readonly #settings: RowMessageSettings;

  constructor(writer: MessageWriter, settings: RowMessageSettings) {
    this.#writer = writer;
    this.#settings = settings;
  }

  /**
   * One record per row, in order; their values and keys may be views of `output.bytes`. COLUMN_UNKNOWN when there is no
   * such key column; rejects as `MessageWriter.write` does.
   * @param output rows whose schema is known.
   * @param envelopes the message that each row came in, where rows come in messages.
   */
  async of(
    output: OutputRows,
    envelopes: readonly Envelope[] | undefined,
    signal: AbortSignal,
  ): Promise<readonly ProducerRecord[]> {
    const rows = output.ends.length;
    if (rows === 0) return [];
    const written = await this.#writer.write(output, signal);
    if (written.length !== rows || (envelopes !== undefined && envelopes.length !== rows)) {
      throw new SluiceError(
        'CONTRACT_BROKEN',
        `${rows} rows became ${written.length} messages, from ${envelopes?.length ?? rows} messages of the intake`,
      );
    }
    const { key, timestamp } = this.#settings;
    const keyAt = typeof key === 'object' ? columnKeys(output, key.column) : undefined;
    const keep = timestamp === 'keep';
    const records: ProducerRecord[] = [];
    for (const [row, message] of written.entries()) {
      const envelope = envelopes?.[row];
      const { value } = message;
      const of = keyAt !== undefined ? keyAt(row) : key === 'envelope' ? (envelope?.key ?? null) : null;
      const headers = this.#headers(message, envelope);
      // Literals of few shapes, and no spread: this is made for every row.
      if (keep && envelope !== undefined) records.push({ key: of, value, headers, timestamp: envelope.timestamp });
      else records.push({ key: of, value, headers });
    }
    return records;
  }

  #headers(message: WrittenMessage, envelope: Envelope | undefined): readonly MessageHeader[] {
    if (this.#settings.headers === 'drop' || envelope === undefined || envelope.headers.length === 0)
      return message.headers;
    // A header that says how the value is to be read was about the old value.
    const isStale = ({ name }: MessageHeader): boolean =>
      name === SCHEMA_ID_HEADER || message.headers.some((own) => own.name === name);
    if (message.headers.length === 0 && !envelope.headers.some(isStale)) return envelope.headers;
    return [...envelope.headers.filter((header) => !isStale(header)), ...message.headers];
  }
}

/** Gives the key of each row: the bytes of a column's text. */
function columnKeys({ schema, bytes, ends }: OutputRows, column: string): (row: number) => Uint8Array | null {
  const index = columnIndex(schema, column);
  const bounds = new Uint32Array(2 * (index + 1));
  return (row) => {
    fieldBounds(bytes, row === 0 ? 0 : ends[row - 1]!, bounds);
    const start = bounds[2 * index]!;
    const end = bounds[2 * index + 1]!;
    if (bytes[start] !== QUOTE) return start === end ? null : bytes.subarray(start, end);
    return Buffer.from(decodeField(bytes, start, end) ?? '');
  };
}

function columnIndex(schema: Schema | null, column: string): number {
  const names = schema?.columns.map(({ name }) => name) ?? [];
  const index = names.indexOf(column);
  if (index >= 0) return index;
  throw new SluiceError(
    'COLUMN_UNKNOWN',
    `the key column "${column}" is not among the output's columns (${names.join(', ')}); correct it, or add it to passthroughColumns`,
  );
}
