import type { Envelope } from '../../../core/envelope.ts';
import { SluiceError } from '../../../core/error.ts';
import type { DeadLetter, ScoredBatch } from '../../../core/scored-batch.ts';
import type { ProducerRecord } from '../client.ts';
import type { WriterPiece } from './writer-group-commits.ts';
import { partitionOfKey } from './writer-partitioner.ts';
import { recordBytes, WriterRequests } from './writer-requests.ts';

/** A topic that is written to. */
export interface WriterTarget {
  readonly topic: string;
  readonly partitions: number;
}

export interface WriterPieceOptions {
  readonly output: WriterTarget;
  /** Null: dead letters are counted only. */
  readonly deadLetters: WriterTarget | null;
  /** The partition of the input. */
  readonly source: number;
  readonly partitioning: 'source' | 'key';
  readonly keepFailed: boolean;
  readonly maxRequestBytes: number;
  /** Makes the message of a dead letter. */
  readonly letterRecord: (letter: DeadLetter) => ProducerRecord;
  /** The number of the partition that a row came in, where it is another than `source`. */
  readonly sourceOf: ((envelope: Envelope) => number) | undefined;
}

interface Placed {
  readonly target: WriterTarget;
  readonly partition: number;
  readonly record: ProducerRecord;
  readonly bytes: number;
}

/**
 * A scored batch of a topic's messages as what is written for it: its rows to the output, its dead letters to theirs. Cut between two
 * messages wherever a request would become too large; each piece is marked with the next input offset. There is at least one.
 * @param records one per output row; null when the rows are not written (no reply has shown their columns yet).
 */
export function writerPieces(
  batch: ScoredBatch,
  records: readonly ProducerRecord[] | null,
  options: WriterPieceOptions,
): readonly WriterPiece<number>[] {
  const { output, deadLetters, source, maxRequestBytes, letterRecord, sourceOf } = options;
  const envelopes = batch.envelopes ?? [];
  const letters = batch.deadLetters.map((letter) => ({ letter, offset: offsetOf(letter) }));
  letters.sort((a, b) => a.offset - b.offset);
  const pieces: WriterPiece<number>[] = [];
  let requests = new WriterRequests();

  const place = (offset: number, all: readonly Placed[]): void => {
    const fits = all.every(({ target, partition, bytes }) =>
      requests.fits(target.topic, partition, bytes, maxRequestBytes),
    );
    if (!fits) {
      pieces.push({ requests, mark: offset });
      requests = new WriterRequests();
    }
    for (const { target, partition, record, bytes } of all) requests.add(target.topic, partition, record, bytes);
  };
  const rowOf = (row: number): Placed => {
    const record = records![row]!;
    const key = options.partitioning === 'key' ? record.key : null;
    const from = sourceOf === undefined ? source : sourceOf(envelopes[row]!);
    const partition = key === null ? from % output.partitions : partitionOfKey(key, output.partitions);
    return { target: output, partition, record, bytes: recordBytes(record) };
  };
  const letterOf = (letter: DeadLetter): readonly Placed[] => {
    if (deadLetters === null) return [];
    const record = letterRecord(letter);
    return [{ target: deadLetters, partition: source % deadLetters.partitions, record, bytes: recordBytes(record) }];
  };

  let next = 0;
  const lettersBelow = (offset: number): void => {
    for (; next < letters.length && letters[next]!.offset < offset; next += 1)
      place(letters[next]!.offset, letterOf(letters[next]!.letter));
  };
  for (const [row, { offset }] of envelopes.entries()) {
    if (next < letters.length) lettersBelow(offset);
    const letter = letters[next]?.offset === offset ? letters[next++]!.letter : undefined;
    const written = records === null || (letter !== undefined && !options.keepFailed) ? [] : [rowOf(row)];
    place(offset, letter === undefined ? written : [...written, ...letterOf(letter)]);
  }
  lettersBelow(Infinity);
  pieces.push({ requests, mark: nextOffset(batch), release: batch.output.release });
  return pieces;
}

function offsetOf({ envelope, line, split }: DeadLetter): number {
  const offset = envelope?.offset ?? line;
  if (offset === null) throw new SluiceError('CONTRACT_BROKEN', `a dead letter of ${split} has no offset`);
  return offset;
}

function nextOffset({ sequence, through }: ScoredBatch): number {
  if (typeof through.after === 'number') return through.after;
  throw new SluiceError('CONTRACT_BROKEN', `the batch at offset ${sequence} of ${through.split} ends at no offset`);
}

/** Throws CONTRACT_BROKEN unless each row of the batch has its message. */
export function assertEnvelopes(batch: ScoredBatch): readonly Envelope[] {
  const { envelopes, output, sequence, through } = batch;
  if (envelopes?.length === output.ends.length) return envelopes;
  if (envelopes === undefined && output.ends.length === 0) return [];
  throw new SluiceError(
    'CONTRACT_BROKEN',
    `the batch at offset ${sequence} of ${through.split} has ${output.ends.length} rows of ${envelopes?.length ?? 0} messages`,
  );
}
