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

/** Takes a permit for every request, and says how it went. Leaves the limiter when it is closed. */
export function withLimiter(scorer: Scorer, limiter: Limiter, clock: Clock): Scorer {
  const score = async (batch: RowBatch, signal: AbortSignal): Promise<Scores> => {
    const permit = await limiter.acquire(signal);
    const start = clock.now();
    let result: RequestOutcome['result'] = 'other';
    try {
      const scores = await scorer.score(batch, signal);
      result = 'ok';
      return scores;
    } catch (error) {
      if (overload.has(findSluiceError(error)?.code ?? '')) result = 'overload';
      throw error;
    } finally {
      permit.release({ latencyMs: clock.now() - start, rows: batch.rows, result });
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
