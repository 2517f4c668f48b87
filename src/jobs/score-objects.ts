import type { Duplex } from 'node:stream';
import { createRecordSource } from '../codecs/streams/record-source.ts';
import { createStreamSink, type StreamFormat } from '../codecs/streams/stream-sink.ts';
import { decodeRecord } from '../core/canonical-csv.ts';
import type { Column } from '../core/schema.ts';
import type { Value } from '../core/value.ts';
import { type ScoreOptions, streamOf } from './score-stream.ts';

/** Rows that either end holds before it makes the other side wait. */
const HIGH_WATER_ROWS = 10_000;

/**
 * The twin of `score` for objects: rows go in, one object per row comes out, in order, with the output's columns.
 * Predictions, probabilities and strengths are numbers, blank cells null, all else is text. The first row's keys are the
 * columns; a row with another key fails the stream.
 */
export function scoreObjects(options: ScoreOptions): Duplex {
  return streamOf(
    options,
    { objectMode: true, highWaterMark: HIGH_WATER_ROWS },
    (input, output, _job, onDeadLetters) => ({
      source: createRecordSource(input),
      sink: createStreamSink({ name: 'the stream', output, format: objectFormat, ...onDeadLetters }),
    }),
  );
}

const objectFormat: StreamFormat = {
  header: async () => [],
  end: async () => [],
  rows: async ({ schema, bytes, ends }) => {
    const columns = schema?.columns ?? [];
    return Array.from(ends, (end, row) => {
      const cells = decodeRecord(bytes, row === 0 ? 0 : ends[row - 1]!, end);
      return Object.fromEntries(columns.map((column, i) => [column.name, valueOf(column, cells[i] ?? null)]));
    });
  },
};

function valueOf(column: Column, cell: string | null): Value {
  return column.type === 'number' && cell !== null ? Number(cell) : cell;
}
