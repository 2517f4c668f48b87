/** Marks the end of a partition of a bounded job; every partition gets the same one, with the totals that deliver checks. */
export interface EndMarker {
  readonly kind: 'end';
  /** Batches appended to all partitions together: the sequence that would come next. */
  readonly sequence: number;
  /** Rows that the intake gave from the job's very beginning on, rejected records included. */
  readonly read: number;
  /** False when the intake was not read to its end: the job was stopped, and will be continued. */
  readonly complete: boolean;
}

/**
 * What travels through a link: batches in sequence, then one end marker per partition. In a link of a job's own a sequence
 * counts the job's batches; in one over a user's topic it is the offset of the batch's first record.
 */
export type LinkRecord<T> = BatchRecord<T> | EndMarker;

interface BatchRecord<T> {
  readonly kind: 'batch';
  readonly sequence: number;
  readonly value: T;
  /** Rows that the intake gave through this batch, rejected records included. Ingest says it, so that it can be continued from a lasting link. */
  readonly read?: number;
}

/**
 * What joins two stages: P partitions, each an ordered sequence. Batch s goes to partition s mod P, so that a reader
 * can restore the order by taking the partitions in turn. Bounded: an append waits while its partition is full.
 */
export interface Link<T> extends AsyncDisposable {
  readonly partitions: number;
  readonly writer: LinkWriter<T>;
  readonly reader: LinkReader<T>;
}

/**
 * Appends to partitions that it holds: `begin`, then `append` in any number, then `end`, and perhaps `begin` again. One
 * call at a time per partition; partitions are independent.
 */
export interface LinkWriter<T> {
  /**
   * Takes the partition: whoever wrote to it before, and may still believe that he may, can write nothing any more.
   * @param from the sequence that the caller would write next.
   * @returns the sequence that is needed next: `from`, or a later one when more is durable than the caller knew.
   */
  begin(partition: number, from: number, signal: AbortSignal): Promise<number>;
  /**
   * Appends to a partition; resolves when the record is *accepted*, not durable. Rejects with the signal's reason; the record
   * then is not in the link. Rejects also when an earlier record of the partition could not be made durable.
   */
  append(partition: number, record: LinkRecord<T>, signal: AbortSignal): Promise<void>;
  /** The sequence below which everything of the partition is durable. Only this may move a source's acknowledgement. */
  durable(partition: number): number;
  /**
   * Makes what was appended as durable as this link can by itself (`durable` says how far that is; a memory link does
   * nothing) and lets go of the partition. An aborted signal lets go at once; what was not durable then never will be.
   */
  end(partition: number, signal: AbortSignal): Promise<void>;
}

export interface LinkReader<T> {
  /**
   * The partitions that this reader may work on, as they are assigned; a memory link assigns all at once, a Kafka
   * link as its group is balanced. Ends when no partition will come any more.
   */
  leases(signal: AbortSignal): AsyncIterable<PartitionLease<T>>;
}

/**
 * The right to read one partition. Not calling `next` is how a partition is paused: nothing is fetched beyond a bounded
 * buffer. When `revoked` aborts, the holder takes nothing new, finishes or abandons what it has, commits what it
 * finished, and disposes of the lease: the partition goes to its next holder when that is done. When `lost` aborts
 * (the holder took too long, or was not heard of), it is somebody else's already: nothing may be written for it any more.
 */
export interface PartitionLease<T> extends AsyncDisposable {
  readonly partition: number;
  readonly revoked: AbortSignal;
  readonly lost: AbortSignal;
  /** The sequence that was committed last, that is, the first one not yet done with. */
  readonly committed: number;
  /** Begins to read at this sequence, `committed` or a later one. At most once, before the first `next`. */
  seek(sequence: number): void;
  /** The next record; after the end marker nothing may be asked. Rejects with the reason of an aborted signal, or of `revoked`. */
  next(signal: AbortSignal): Promise<LinkRecord<T>>;
  /** Everything of this partition below `sequence` is done with, durably; it will not be read again. */
  commit(sequence: number): Promise<void>;
}
