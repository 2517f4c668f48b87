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

/** What travels through a link: batches in sequence, then one end marker per partition. */
export type LinkRecord<T> = { readonly kind: 'batch'; readonly sequence: number; readonly value: T } | EndMarker;

/**
 * What joins two stages: P partitions, each an ordered sequence. Batch s goes to partition s mod P, so that a reader
 * can restore the order by taking the partitions in turn. Bounded: an append waits while its partition is full.
 */
export interface Link<T> extends AsyncDisposable {
  readonly partitions: number;
  readonly writer: LinkWriter<T>;
  readonly reader: LinkReader<T>;
}

export interface LinkWriter<T> {
  /**
   * Appends to a partition; resolves when the record is *accepted*, not durable. One append at a time per partition,
   * partitions are independent. Rejects with the signal's reason; the record then is not in the link.
   */
  append(partition: number, record: LinkRecord<T>, signal: AbortSignal): Promise<void>;
  /** The sequence below which everything of the partition is durable. Only this may move a source's acknowledgement. */
  durable(partition: number): number;
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
 * buffer. When `revoked` aborts, the holder finishes or abandons its current record, commits what it finished, and
 * disposes of the lease; it must write nothing afterwards.
 */
export interface PartitionLease<T> extends AsyncDisposable {
  readonly partition: number;
  readonly revoked: AbortSignal;
  /** The next record; after the end marker nothing may be asked. Rejects with the reason of an aborted signal. */
  next(signal: AbortSignal): Promise<LinkRecord<T>>;
  /** Everything of this partition below `sequence` is done with, durably; it will not be read again. */
  commit(sequence: number): Promise<void>;
}
