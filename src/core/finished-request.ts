/** One finished request to a prediction server. */
export interface FinishedRequest {
  /** From the start of sending to the last byte of the reply, or to the failure. */
  readonly latencyMs: number;
  /** What the server says that it took by itself; null where it does not. */
  readonly executionMs: number | null;
  /** Rows that the request held. */
  readonly rows: number;
  /** HTTP status; 0 when no reply came. */
  readonly status: number;
}
