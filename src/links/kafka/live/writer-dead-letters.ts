import type { MessageHeader } from '../../../core/envelope.ts';
import type { Column } from '../../../core/schema.ts';
import type { DeadLetter } from '../../../core/scored-batch.ts';
import type { ProducerRecord } from '../client.ts';

/** Names of the headers of a dead letter; none of them is taken over from the message that the row came in. */
const OWN = /^sluice-(error|kind|attempts|job|topic|partition|offset|timestamp|split|row|line|columns)$/;

/** What a replay has to know of a dead letter. */
export interface LetterOrigin {
  /** The job that could not score it, as it marks its letters: several jobs may have one topic for them. */
  readonly job: string;
  /** The columns of a row that came in no message. */
  readonly columns?: readonly Column[];
}

/**
 * A dead letter as a message: key, value and headers are those of the message that the row came in, byte for byte, so that it can
 * be sent again as it is; a row that came in no message is its canonical CSV without the LF, at most 64 KiB, without a key. What
 * happened is in the headers, as text:
 *
 * | header | meaning |
 * |---|---|
 * | `sluice-error` | the cause, one line for people |
 * | `sluice-kind` | `failed`: the server could not score it; `skipped`: it is no row |
 * | `sluice-attempts` | requests that held the row |
 * | `sluice-job` | whose letter it is: by it a replay finds its own |
 * | `sluice-topic`, `sluice-partition`, `sluice-offset`, `sluice-timestamp` | the message it came in (time in ms since 1970) |
 * | `sluice-split`, `sluice-row`, `sluice-line` | where it was read, if it came in no message; those that are known |
 * | `sluice-columns` | the columns of such a row, as JSON |
 *
 * The message's own timestamp is the time of writing, as a topic keeps its messages by it. Headers of the same names that an
 * earlier life as a dead letter left behind are replaced.
 */
export function deadLetterRecord(letter: DeadLetter, origin?: LetterOrigin): ProducerRecord {
  const { envelope } = letter;
  const facts: Readonly<Record<string, string | number | null>> = {
    'sluice-error': letter.reason,
    'sluice-kind': letter.kind,
    'sluice-attempts': letter.attempts,
    'sluice-job': origin?.job ?? null,
    ...(envelope === undefined
      ? {
          'sluice-split': letter.split,
          'sluice-row': letter.row,
          'sluice-line': letter.line,
          'sluice-columns': origin?.columns === undefined ? null : JSON.stringify(origin.columns),
        }
      : {
          'sluice-topic': envelope.topic,
          'sluice-partition': envelope.partition,
          'sluice-offset': envelope.offset,
          'sluice-timestamp': envelope.timestamp,
        }),
  };
  const kept = withoutLetterHeaders(envelope?.headers ?? []);
  const own = Object.entries(facts).flatMap(([name, value]): readonly MessageHeader[] =>
    value === null ? [] : [{ name, value: Buffer.from(String(value)) }],
  );
  return {
    key: envelope?.key ?? null,
    value: envelope === undefined ? letter.bytes : envelope.value,
    headers: [...kept, ...own],
  };
}

/** The headers of a message but those that make it a dead letter. */
export function withoutLetterHeaders(headers: readonly MessageHeader[]): readonly MessageHeader[] {
  return headers.filter(({ name }) => !OWN.test(name));
}
