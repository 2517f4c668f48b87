import type { ScoredBatch } from '../../../core/scored-batch.ts';
import type { ProducerRecord } from '../client.ts';
import { deadLetterRecord } from '../live/writer-dead-letters.ts';
import type { WriterPiece } from '../live/writer-group-commits.ts';
import { partitionOfKey } from '../live/writer-partitioner.ts';
import type { WriterTarget } from '../live/writer-pieces.ts';
import { recordBytes, WriterRequests } from '../live/writer-requests.ts';
import type { SinkAhead } from './sink-ledger.ts';

export interface SinkPieceOptions<M> {
  readonly output: WriterTarget;
  /** Null: dead letters are counted only. */
  readonly deadLetters: WriterTarget | null;
  /** How the job marks its dead letters. */
  readonly job: string;
  /** What of the batch is in the topics already. */
  readonly ahead: SinkAhead;
  readonly maxRequestBytes: number;
  /** What it means when the beginning of the batch is durable, and no more. */
  readonly partly: (ahead: SinkAhead) => M;
  /** What it means when the batch is durable. */
  readonly wholly: M;
}

/**
 * A scored batch as what is written for it: a record per row, by the hash of its key, or without keys all in the partition whose turn it is;
 * behind them its dead letters. Cut wherever a request would become too large.
 */
export function sinkPieces<M>(
  batch: ScoredBatch,
  records: readonly ProducerRecord[],
  options: SinkPieceOptions<M>,
): readonly WriterPiece<M>[] {
  const { output, deadLetters, job, ahead, maxRequestBytes, partly, wholly } = options;
  const pieces: WriterPiece<M>[] = [];
  let requests = new WriterRequests();
  const place = (target: WriterTarget, record: ProducerRecord, before: SinkAhead): void => {
    const partition =
      record.key === null ? batch.sequence % target.partitions : partitionOfKey(record.key, target.partitions);
    const bytes = recordBytes(record);
    if (!requests.fits(target.topic, partition, bytes, maxRequestBytes)) {
      pieces.push({ requests, mark: partly(before) });
      requests = new WriterRequests();
    }
    requests.add(target.topic, partition, record, bytes);
  };
  for (let row = ahead.rows; row < records.length; row += 1)
    place(output, records[row]!, { rows: row, letters: ahead.letters });
  if (deadLetters !== null) {
    const rows = Math.max(ahead.rows, records.length);
    const { columns } = batch.intake;
    for (const [i, letter] of batch.deadLetters.entries())
      if (i >= ahead.letters) place(deadLetters, deadLetterRecord(letter, { job, columns }), { rows, letters: i });
  }
  pieces.push({ requests, mark: wholly, release: batch.output.release });
  return pieces;
}
