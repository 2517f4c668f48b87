import type { Envelope } from '../../../core/envelope.ts';
import { SluiceError } from '../../../core/error.ts';
import type { Column } from '../../../core/schema.ts';
import type { DeadLetter, KeptLetter } from '../../../core/scored-batch.ts';
import type { ProducerRecord } from '../client.ts';
import { deadLetterRecord, withoutLetterHeaders } from '../live/writer-dead-letters.ts';
import { headerTexts, keptLetterOf } from './kept-letter.ts';

/** A dead letter that is scored again, as the message that it was made of; its topic, partition and offset are where the letter is. */
export interface ReplayedEnvelope extends Envelope {
  readonly letter: KeptLetter;
  /** The message that the row came in, where it came in one. */
  readonly first: Envelope | null;
  /** The columns of a row that came in none, as JSON. */
  readonly columns: string | null;
}

/**
 * The letters of one job as what is to be scored, those of others as null.
 * @param job how it marks its letters.
 * @param mendedBytes of a row that somebody has corrected.
 */
export function admitLetters(
  job: string,
  mendedBytes: (letter: KeptLetter) => Uint8Array | undefined,
): (message: Envelope) => ReplayedEnvelope | null {
  return (message) => {
    const texts = headerTexts(message);
    if (texts.get('sluice-job') !== job) return null;
    const letter = keptLetterOf(message);
    const mended = mendedBytes(letter);
    const value = mended ?? message.value;
    const headers = withoutLetterHeaders(message.headers);
    const topic = texts.get('sluice-topic');
    // What is corrected is a row, whatever it was.
    const said: KeptLetter = mended === undefined ? letter : { ...letter, kind: 'failed', bytes: mended };
    if (topic === undefined) {
      return { ...message, value, headers, letter: said, first: null, columns: texts.get('sluice-columns') ?? null };
    }
    const { key } = message;
    const timestamp = Number(texts.get('sluice-timestamp') ?? message.timestamp);
    const partition = Number(texts.get('sluice-partition'));
    const first: Envelope = { topic, partition, offset: letter.line ?? 0, timestamp, key, headers, value };
    return { ...message, timestamp, value, headers, letter: said, first, columns: null };
  };
}

/** The number of the partition that the row of a letter came in. */
export function firstPartition(envelope: Envelope): number {
  return asReplayed(envelope).first?.partition ?? envelope.partition;
}

/** A letter that failed again: with the reason of now, and where the row first came from. @param job how it marks its letters. */
export function letterAgain(job: string): (letter: DeadLetter) => ProducerRecord {
  return (again) => {
    const { envelope, kind, reason, attempts: more } = again;
    const { letter, first, columns, value } = asReplayed(envelope);
    const attempts = letter.attempts + more;
    if (first !== null) return deadLetterRecord({ ...again, attempts, envelope: first }, { job });
    const { split, row, line } = letter;
    const bytes = value ?? new Uint8Array(0);
    // Of a row that is not kept whole nobody has looked whether it is one.
    const was = kind === 'skipped' ? letter.kind : kind;
    const origin = columns === null ? { job } : { job, columns: JSON.parse(columns) as readonly Column[] };
    return deadLetterRecord({ kind: was, split, row, line, reason, attempts, bytes }, origin);
  };
}

/** A message that `admitLetters` made. */
export function asReplayed(envelope: Envelope | undefined): ReplayedEnvelope {
  if (envelope !== undefined && 'letter' in envelope) return envelope as ReplayedEnvelope;
  throw new SluiceError('CONTRACT_BROKEN', 'a row of a replay came in no dead letter');
}
