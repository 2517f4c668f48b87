import type { BatchLimits } from './batch-limits.ts';
import type { Position } from './position.ts';
import type { RowBatch } from './row-batch.ts';
import type { Schema } from './schema.ts';
import type { OutputRows } from './scored-batch.ts';

/** What a decoder is told about the stream that it reads. */
export interface DecodeContext {
  /** The split, for origins and messages. */
  readonly split: string;
  /** Where to continue: null at the start. Positions are the codec's own and count decoded, uncompressed bytes. */
  readonly after: Position | null;
  readonly limits: BatchLimits;
}

/**
 * A stream of bytes to rows for one format and one set of its settings. Knows nothing of files, connections or compression.
 */
export interface StreamDecoder {
  /**
   * The byte offset at which the stream must be opened to continue at `after`: 0 if the codec has to see all of it again.
   */
  offset(after: Position | null): number;
  /**
   * Cuts a stream of bytes, opened at `offset(after)`, into batches. Chunks are copied: they may be used again once the next is asked for.
   * @param schema known already when continuing: the header is not at `offset(after)`.
   */
  decode(
    chunks: AsyncIterable<Uint8Array>,
    context: DecodeContext,
    schema: Schema | null,
    signal: AbortSignal,
  ): AsyncIterable<RowBatch>;
}

/** Bytes to rows and rows to bytes; shared by every connector that moves such bytes. */
export interface Codec extends StreamDecoder {
  /** The bytes that come before the first row (a header line), perhaps none. */
  encodeHeader(schema: Schema): Uint8Array;
  /** The bytes of rows. May return `rows.bytes` itself where the format is the canonical one. */
  encode(rows: OutputRows): Uint8Array;
}
