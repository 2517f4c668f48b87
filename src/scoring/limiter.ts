import type { Clock } from '../core/clock.ts';
import { findSluiceError } from '../core/error.ts';
import type { RowBatch } from '../core/row-batch.ts';
import type { Scorer, Scores } from '../core/scorer.ts';

/** How one request went: what a limiter that adapts itself learns from. */
export interface RequestOutcome {
  readonly latencyMs: number;
  readonly rows: number;
  /** `overload`: the server refused, timed out or broke off. `other`: nothing to be learned (an abort, a bad row). */
  readonly result: 'ok' | 'overload' | 'other';
}

/** One request that was sent, for whoever decides how large the next ones are. */
export interface SentRequest extends RequestOutcome {
  /** Canonical CSV. */
  readonly bytes: number;
  /** Requests under way when it began, itself included. */
  readonly inFlight: number;
  /** By the clock. */
  readonly endedMs: number;
  /** Whether the limit was at rest then. */
  readonly isSettled: boolean;
  /** The server refused it for its size. */
  readonly isTooLarge: boolean;
}

/** The right to one request. Released exactly once. */
export interface Permit {
  release(outcome: RequestOutcome): void;
}

/** Decides how many requests may be under way at once. */
export interface Limiter {
  /** Requests at once, as of now. */
  readonly limit: number;
  readonly inFlight: number;
  /** Whether the limit has come to rest, so that latencies may be compared. */
  readonly isSettled: boolean;
  /** Waits for its turn, first come first served. Rejects with the signal's reason when it aborts. */
  acquire(signal: AbortSignal): Promise<Permit>;
  /** Nobody will acquire by it any more. Called once all its permits are released; a limiter that is shared then has one user less. */
  leave(): void;
}

const overload = new Set(['SERVER_OVERLOADED', 'SERVER_UNREACHABLE']);

/**
 * Takes a permit for every request, and says how it went. Leaves the limiter when it is closed.
 * @param onSent told of every request that has ended, unless it was aborted.
 */
export function withLimiter(
  scorer: Scorer,
  limiter: Limiter,
  clock: Clock,
  onSent: (request: SentRequest) => void = () => undefined,
): Scorer {
  const score = async (batch: RowBatch, signal: AbortSignal): Promise<Scores> => {
    const permit = await limiter.acquire(signal);
    const start = clock.now();
    const { inFlight, isSettled } = limiter;
    let result: RequestOutcome['result'] = 'other';
    let isTooLarge = false;
    try {
      const scores = await scorer.score(batch, signal);
      result = 'ok';
      return scores;
    } catch (error) {
      const code = findSluiceError(error)?.code ?? '';
      if (overload.has(code)) result = 'overload';
      isTooLarge = code === 'REQUEST_TOO_LARGE';
      throw error;
    } finally {
      const endedMs = clock.now();
      const outcome = { latencyMs: endedMs - start, rows: batch.rows, result };
      permit.release(outcome);
      if (!signal.aborted) onSent({ ...outcome, bytes: batch.bytes.length, inFlight, endedMs, isSettled, isTooLarge });
    }
  };
  const close = async (): Promise<void> => {
    limiter.leave();
    await scorer.close();
  };
  return {
    describe: (signal) => scorer.describe(signal),
    score,
    close,
    [Symbol.asyncDispose]: close,
  };
}
