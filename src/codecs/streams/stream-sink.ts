import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { SluiceError } from '../../core/error.ts';
import type { Json } from '../../core/json.ts';
import { freshLedger, type JobIdentity, type Ledger, ledgerAfter } from '../../core/ledger.ts';
import { columnNames, type Schema } from '../../core/schema.ts';
import type { DeadLetter, OutputRows, ScoredBatch } from '../../core/scored-batch.ts';
import type { Sink } from '../../core/sink.ts';
import type { ObjectWriter } from '../object-format.ts';

/** What is written to the stream: chunks of bytes, or objects for a stream in object mode. */
export interface StreamFormat {
  header(schema: Schema): Promise<readonly unknown[]>;
  rows(rows: OutputRows): Promise<readonly unknown[]>;
  /** What stands behind the last row. */
  end(): Promise<readonly unknown[]>;
}

/** The stream has no job of its own that a marker could be derived from. */
const SEED = '00'.repeat(32);

/** Rows as bytes; each batch is a block by itself, so that it can be read at once. */
export function byteFormat(writer: ObjectWriter): StreamFormat {
  let state: Json = null;
  let offset = 0;
  const sent = (bytes: Uint8Array): readonly unknown[] => {
    offset += bytes.length;
    return bytes.length === 0 ? [] : [bytes];
  };
  return {
    header: async (schema) => {
      const header = writer.header(schema, SEED);
      state = header.state;
      return sent(header.bytes);
    },
    rows: async (rows) => {
      if (rows.ends.length === 0) return [];
      const block = await writer.block([rows], state, offset);
      state = block.state;
      return sent(block.bytes);
    },
    end: async () => sent(await writer.trailer(state, offset)),
  };
}

export interface StreamSinkOptions {
  readonly name: string;
  readonly output: Writable;
  readonly format: StreamFormat;
  /** Takes the dead letters; without it they are counted only. */
  readonly onDeadLetters?: (letters: readonly DeadLetter[]) => Promise<void>;
}

/**
 * The sink for a stream that somebody reads: nothing can be taken back or continued, so it guarantees nothing after a
 * crash. The stream stays its owner's: he ends it when the job is done, and destroys it when the job failed, so that its
 * reader learns that it is not whole.
 */
export function createStreamSink(options: StreamSinkOptions): Sink {
  const { name, output, format } = options;
  let ledger: Ledger | undefined;
  let broken: unknown;
  const onError = (error: unknown): void => {
    broken ??= error;
  };
  output.on('error', onError);

  const send = async (chunks: readonly unknown[], signal: AbortSignal): Promise<void> => {
    for (const chunk of chunks) {
      if (broken !== undefined || output.destroyed) throw closed(name, broken);
      if (!output.write(chunk)) await drained(output, signal);
    }
  };
  const header = async (schema: Schema, signal: AbortSignal): Promise<void> => {
    if (ledger!.columns !== null) return;
    ledger = { ...ledger!, columns: columnNames(schema) };
    await send(await format.header(schema), signal);
  };
  const write = async (batch: ScoredBatch, schema: Schema, signal: AbortSignal): Promise<void> => {
    await header(schema, signal);
    await send(await format.rows(batch.output), signal);
    if (batch.deadLetters.length > 0) await options.onDeadLetters?.(batch.deadLetters);
    ledger = ledgerAfter(ledger!, batch, columnNames(schema));
  };
  const close = async (): Promise<void> => {
    output.off('error', onError);
  };
  return {
    guarantee: 'none',
    open: async (job: JobIdentity) => {
      ledger = freshLedger(job);
      return null;
    },
    write,
    commit: async () => ledger!,
    check: async () => {
      if (broken !== undefined || output.destroyed || output.writableEnded) throw closed(name, broken);
    },
    publish: async (facts, schema, signal) => {
      await header(schema, signal);
      await send(await format.end(), signal);
      return { ...facts, columns: columnNames(schema), objects: [] };
    },
    discard: async () => undefined,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Resolves when the stream takes more, or is closed: the next write then says so. */
function drained(output: Writable, signal: AbortSignal): Promise<void> {
  const settled = new AbortController();
  const either = { signal: AbortSignal.any([signal, settled.signal]) };
  return Promise.race([once(output, 'drain', either), once(output, 'close', either)])
    .then(() => undefined)
    .finally(() => settled.abort());
}

function closed(name: string, cause: unknown): SluiceError {
  return new SluiceError('OUTPUT_UNWRITABLE', `${name} was closed by its reader before all rows were written`, {
    cause,
  });
}
