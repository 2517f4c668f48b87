import type { Envelope } from '../../../../src/core/envelope.ts';
import type { MessageWriter } from '../../../../src/core/message-format.ts';
import { schemaOf } from '../../../../src/core/schema.ts';
import type { DeadLetter, ScoredBatch } from '../../../../src/core/scored-batch.ts';

export const OUTPUT = schemaOf(['id', 'score']);

/** Writes a row as its canonical record, without the LF. */
export const recordWriter: MessageWriter = {
  write: async ({ bytes, ends }) =>
    Array.from(ends, (end, row) => ({ value: bytes.subarray(row === 0 ? 0 : ends[row - 1], end - 1), headers: [] })),
};

/** A message of an input topic, with its coordinates for a value. */
export function envelopeOf(topic: string, partition: number, offset: number): Envelope {
  const text = `${partition}-${offset}`;
  const headers = [{ name: 'trace', value: Buffer.from(text) }];
  return {
    topic,
    partition,
    offset,
    timestamp: 1_000 + offset,
    key: Buffer.from(text),
    headers,
    value: Buffer.from(text),
  };
}

/** A batch of messages with their scores; those in `failed` could not be scored, those in `skipped` are no rows. */
export function scoredMessages(
  all: readonly Envelope[],
  next: number,
  failed: (offset: number) => boolean,
  skipped: (offset: number) => boolean,
): ScoredBatch {
  const envelopes = all.filter(({ offset }) => !skipped(offset));
  const letters = all
    .filter(({ offset }) => failed(offset) || skipped(offset))
    .map((envelope): DeadLetter => {
      const { topic, partition, offset } = envelope;
      const kind = skipped(offset) ? 'skipped' : 'failed';
      const row = kind === 'failed' ? offset : null;
      return {
        kind,
        split: `${topic}/${partition}`,
        row,
        line: offset,
        reason: 'a test',
        attempts: 1,
        bytes: Buffer.from('x'),
        envelope,
      };
    });
  const { topic, partition, offset } = all[0]!;
  return {
    ...scoredRows(
      envelopes.map((each) => Buffer.from(each.value ?? []).toString()),
      offset,
    ),
    through: { split: `${topic}/${partition}`, after: next },
    envelopes,
    deadLetters: letters,
  };
}

/** A batch of rows with the given ids. */
export function scoredRows(ids: readonly string[], sequence: number): ScoredBatch {
  const lines = ids.map((id) => Buffer.from(`${id},0.5\n`));
  let length = 0;
  const ends = Uint32Array.from(lines, (line) => (length += line.length));
  return {
    sequence,
    through: { split: 'rows.csv', after: sequence },
    intake: schemaOf(['id']),
    output: { schema: OUTPUT, bytes: Buffer.concat(lines), ends },
    tally: { read: ids.length, scored: ids.length, failed: 0, skipped: 0 },
    deadLetters: [],
    intakeBytes: length,
    badBytes: 0,
    model: null,
  };
}

/** The first column of written rows. */
export function idsOf(messages: readonly Pick<Envelope, 'value'>[]): readonly string[] {
  return messages.map(
    ({ value }) =>
      Buffer.from(value ?? [])
        .toString()
        .split(',')[0]!,
  );
}
