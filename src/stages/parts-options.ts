import type { Clock } from '../core/clock.ts';
import type { JobIdentity, Manifest } from '../core/ledger.ts';
import type { ScoredBatch } from '../core/scored-batch.ts';
import type { Sink } from '../core/sink.ts';
import type { CommitPolicy } from './delivery.ts';
import type { OutputFormatSlot } from './output-format-slot.ts';

/** When a part is full: at whichever is reached first, at the end of the batch that reaches it. */
export interface RollPolicy {
  readonly rows: number;
  /** Canonical CSV of the output rows. Of a part that is continued, what was read for it stands for what it held. */
  readonly bytes: number;
  /** Milliseconds since its first row, or since it was continued; also when no row comes any more. */
  readonly ms: number;
}

/** A part that somebody else still holds. */
export interface PartWait {
  readonly split: string;
  readonly from: number;
  /** Until it is tried again. */
  readonly ms: number;
  /** Who holds it, as the output says. */
  readonly reason: string;
}

/** A part that stands under its own name: the offsets `from` to `through` (exclusive) of a split. */
export interface PublishedPart {
  readonly split: string;
  readonly from: number;
  readonly through: number;
  readonly manifest: Manifest;
}

export interface PartsOptions {
  /** The name of an input partition, the same on every run: `topic/partition`. */
  readonly splitOf: (partition: number) => string;
  /**
   * The output that holds the part of `split` which begins at this offset; a new sink for each call. It must refuse what is
   * finished (OUTPUT_EXISTS) and what is being written (OUTPUT_LOCKED): this is what keeps a holder out who was replaced.
   */
  readonly openPart: (split: string, from: number) => Sink;
  /**
   * The job that the manifest of the published part names which begins at `from`; null when there is none. Null also while a publication
   * that was begun is not finished in every respect: opening the part finishes it.
   */
  readonly publishedJob: (split: string, from: number, signal: AbortSignal) => Promise<JobIdentity | null>;
  /** What makes two runs the same job; each part adds `split` and `from`, and its manifest `through`. */
  readonly job: JobIdentity;
  readonly format: Pick<OutputFormatSlot, 'for'>;
  readonly roll: RollPolicy;
  /** How often the ledger of an unfinished part is made durable. */
  readonly commits: CommitPolicy;
  readonly clock: Clock;
  /** Whether `end` publishes an unfinished part (the default) or leaves its ledger to the next holder, who must reach the same place. */
  readonly publishOnEnd?: boolean;
  /** Bytes of one partition that wait for the first reply to show the columns; more than this is an error. Default 64 MiB. */
  readonly heldBytes?: number;
  /** Told before each wait for a part that somebody else holds. */
  readonly onWait?: (wait: PartWait) => void;
  /** Told of every batch that a part accepted. */
  readonly onAccepted?: (batch: ScoredBatch) => void;
  readonly onPublished?: (part: PublishedPart) => void;
  /** Told of a part that could not be published because of its age; the next `append` or `end` of the partition throws the same. */
  readonly onFailure?: (partition: number, error: unknown) => void;
}
