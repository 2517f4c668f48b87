/**
 * When a batch is full: at whichever comes first. Sources look at it anew for every batch, so that a size can follow
 * the server's speed while the job runs.
 */
export interface BatchLimits {
  /** Rows at the most; at least 1. */
  readonly rows: number;
  /** Bytes of canonical CSV at the most; a single larger row still makes a batch of its own. */
  readonly bytes: number;
  /** How long a started batch waits for more rows of a slow source, in milliseconds. Never delays a fast one. */
  readonly lingerMs: number;
}
