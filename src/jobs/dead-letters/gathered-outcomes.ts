import type { ReplayedLetter } from './replay-scoring.ts';

/** Outcomes are gathered up to so many bytes before an output is touched: mostly all, so that it is touched once, and for a short time. */
export const GATHERED_BYTES = 128 * 1024 * 1024;

/** Each is small objects and buffers beside its bytes. */
const OVERHEAD_BYTES = 512;

/** What an outcome takes in memory, about. */
export function heldBytes({ was, scored, blank }: ReplayedLetter): number {
  return OVERHEAD_BYTES + was.bytes.length + ((scored ?? blank)?.length ?? 0);
}
