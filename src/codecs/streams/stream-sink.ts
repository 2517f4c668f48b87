import type { Writable } from 'node:stream';
import { messageOf, SluiceError } from '../../core/error.ts';
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
  /** Chunks that were handed over and are not out yet. */
  let underWay = 0;
  const onError = (error: unknown): void => {
    broken ??= error;
  };
  output.on('error', onError);

  const send = async (chunks: readonly unknown[], signal: AbortSignal): Promise<void> => {
    for (const chunk of chunks) {
      if (broken !== undefined || output.destroyed) throw closed(name, broken);
      underWay += 1;
      const takesMore = output.write(chunk, (error) => {
        underWay -= 1;
        if (error) onError(error);
        if (underWay === 0) output.emit(ALL_OUT);
      });
      if (!takesMore) await eventOf(output, ['drain'], signal);
    }
  };
  /** What was handed over may yet fail: only what is out is written. */
  const flushed = async (signal: AbortSignal): Promise<void> => {
    if (underWay > 0 && broken === undefined && !output.destroyed) await eventOf(output, [ALL_OUT], signal);
    if (broken !== undefined || underWay > 0) throw closed(name, broken);
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
    // An error of what is still under way would end the process, were there nobody to hear of it.
    if (underWay === 0) output.off('error', onError);
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
      await flushed(signal);
      return { ...facts, columns: columnNames(schema), objects: [] };
    },
    discard: async () => undefined,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Told on the stream when all that was handed over is out. */
const ALL_OUT = Symbol('all out');

/** Resolves when one of the events comes, or the stream breaks or is closed: whoever waits looks then. Rejects with the signal's reason. */
async function eventOf(output: Writable, events: readonly (string | symbol)[], signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const names = [...events, 'error', 'close'];
  const stop = (): void => reject(signal.reason);
  for (const name of names) output.on(name, resolve);
  signal.addEventListener('abort', stop, { once: true });
  try {
    await promise;
  } finally {
    for (const name of names) output.off(name, resolve);
    signal.removeEventListener('abort', stop);
  }
}

function closed(name: string, cause: unknown): SluiceError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new SluiceError('OUTPUT_FULL', `${name} leads to a disk that is full. Free some space, and start anew.`, {
      cause,
    });
  const isClosed = cause === undefined || code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' || code === 'ECONNRESET';
  const message = isClosed
    ? `${name} was closed by its reader before all rows were written`
    : `${name} cannot be written: ${messageOf(cause)}`;
  return new SluiceError('OUTPUT_UNWRITABLE', message, { cause });
}
