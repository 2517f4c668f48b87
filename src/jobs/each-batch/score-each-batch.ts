import { createMessageReader, createMessageWriter } from '../../codecs/messages/message-formats.ts';
import { systemClock } from '../../core/clock.ts';
import type { Envelope } from '../../core/envelope.ts';
import { RowBatch } from '../../core/row-batch.ts';
import type { DeadLetter } from '../../core/scored-batch.ts';
import { createOutputFormat } from '../../scoring/output/output-format.ts';
import { createScorer } from '../../scoring/scorer-stack.ts';
import { OutputFormatSlot } from '../../stages/output-format-slot.ts';
import { deadLettersOf } from '../../stages/score.ts';
import type { JobInput } from '../description/job-description.ts';
import { resolveJob } from '../description/parse-job.ts';
import { copiedColumns, outputSettingsOf, scorerSettingsOf } from '../scoring-settings.ts';
import type { ConsumedMessage, EachBatchPayload, ScoredMessage } from './each-batch-payload.ts';

/** The settings of a job but for its two ends, which are yours. */
export type EachBatchOptions = Omit<JobInput, 'intakeSettings' | 'outputSettings' | 'engine' | 'kafka'> & {
  /** What a message holds, read and written: one row. Default `json`. */
  readonly format?: 'json' | 'csv';
  /** The columns, in order; needed for `csv`. */
  readonly columns?: readonly string[];
  /** Takes the scored rows of one micro-batch, in order; their offsets count as done when it resolves. */
  readonly onScored: (messages: readonly ScoredMessage[], payload: EachBatchPayload) => Promise<void>;
  /** Takes messages that are no rows, and rows that the server refuses; without it they are passed over. */
  readonly onDeadLetters?: (letters: readonly DeadLetter[], payload: EachBatchPayload) => Promise<void>;
};

/** A handler for `consumer.run({ eachBatchAutoResolve: false, eachBatch })`; dispose of it when the consumer has stopped. */
export type EachBatchHandler = ((payload: EachBatchPayload) => Promise<void>) & AsyncDisposable;

const HEARTBEAT_MS = 1_000;

/**
 * Scoring for a kafkajs consumer that you run yourself: micro-batches of `chunkRows` messages, in order per partition, with heartbeats
 * beside the work, and offsets resolved behind each micro-batch. At least once, as your consumer commits. A rebalance ends the batch
 * at the heartbeat that tells of it; what failed for good rejects, and your consumer begins again at the last offset that was resolved.
 * Throws CONFIG_INVALID at once.
 */
export function scoreEachBatch(options: EachBatchOptions): EachBatchHandler {
  const { format: name = 'json', columns = null, onScored, onDeadLetters, ...settings } = options;
  const job = resolveJob({
    ...settings,
    // A consumer is a topic without an end.
    serverShare: { priority: 'live', ...settings.serverShare },
    intakeSettings: { file: '-' },
    outputSettings: { path: '-' },
  });
  const ports = { clock: systemClock, registry: null };
  const reader = createMessageReader({ format: name, columns, expected: copiedColumns(job) }, ports);
  const writer = createMessageWriter({ format: name }, ports);
  const { scorer } = createScorer(...scorerSettingsOf(job, null), { clock: systemClock });
  const formats = new OutputFormatSlot((intake) => createOutputFormat(outputSettingsOf(job), intake));
  let isDescribed = false;

  const scoreSome = async (envelopes: readonly Envelope[], payload: EachBatchPayload, signal: AbortSignal) => {
    const { runs, unreadable } = await reader.read(envelopes, signal);
    const letters: DeadLetter[] = unreadable.map(({ message, reason }) =>
      unreadableLetter(envelopes[message]!, reason),
    );
    for (const { schema, bytes, ends, messages } of runs) {
      const rows = Array.from(messages, (message) => envelopes[message]!);
      const batch = RowBatch.fromCsv(schema, originOf(rows), bytes, ends);
      const scores = await scorer.score(batch, signal);
      const failed = new Set(scores.failures.map(({ row }) => row));
      letters.push(...deadLettersOf(batch, scores));
      if (failed.size === rows.length) continue;
      const written = await writer.write(formats.for(schema).render(batch, scores), signal);
      await onScored(
        written.flatMap(({ value }, row) => (failed.has(row) ? [] : [messageOf(rows[row]!, value)])),
        payload,
      );
      scores.release?.();
    }
    if (letters.length > 0) await onDeadLetters?.(letters, payload);
  };

  const handler = async (payload: EachBatchPayload): Promise<void> => {
    const { topic, partition, messages } = payload.batch;
    const leaving = new AbortController();
    const beat = (): void => void payload.heartbeat().catch((error: unknown) => leaving.abort(error));
    const beats = setInterval(beat, HEARTBEAT_MS);
    try {
      // Asked again by the next batch when it failed: the server may be there by then.
      if (!isDescribed) await scorer.describe(leaving.signal);
      isDescribed = true;
      for (let at = 0; at < messages.length && payload.isRunning() && !payload.isStale(); at += job.chunkRows) {
        const some = messages.slice(at, at + job.chunkRows);
        await scoreSome(
          some.map((message) => envelopeOf(message, topic, partition)),
          payload,
          leaving.signal,
        );
        leaving.signal.throwIfAborted();
        payload.resolveOffset(some.at(-1)!.offset);
        await payload.heartbeat();
      }
    } finally {
      clearInterval(beats);
    }
  };
  return Object.assign(handler, { [Symbol.asyncDispose]: () => scorer.close() });
}

function envelopeOf(message: ConsumedMessage, topic: string, partition: number): Envelope {
  const { key, value, offset, timestamp, headers = {} } = message;
  return {
    topic,
    partition,
    offset: Number(offset),
    timestamp: Number(timestamp),
    key,
    value,
    headers: Object.entries(headers).flatMap(([name, given]) =>
      [given ?? []].flat().map((header) => ({ name, value: Buffer.from(header as Uint8Array) })),
    ),
  };
}

function originOf(rows: readonly Envelope[]) {
  const [first] = rows;
  return {
    split: `${first!.topic}/${first!.partition}`,
    firstRow: first!.offset,
    lines: Float64Array.from(rows, ({ offset }) => offset),
    after: first!.offset,
    position: rows.at(-1)!.offset + 1,
    rejected: [],
    envelopes: rows,
  };
}

function unreadableLetter(envelope: Envelope, reason: string): DeadLetter {
  const { topic, partition, offset, value } = envelope;
  const bytes = value ?? new Uint8Array(0);
  return {
    kind: 'skipped',
    split: `${topic}/${partition}`,
    row: null,
    line: offset,
    reason,
    attempts: 0,
    bytes,
    envelope,
  };
}

function messageOf({ key, headers, timestamp }: Envelope, value: Uint8Array): ScoredMessage {
  const kept: Record<string, Buffer[]> = {};
  for (const header of headers) (kept[header.name] ??= []).push(Buffer.from(header.value));
  return {
    key: key === null ? null : Buffer.from(key),
    value: Buffer.from(value),
    headers: kept,
    timestamp: String(timestamp),
  };
}
