import type { Clock } from '../core/clock.ts';
import { findSluiceError } from '../core/error.ts';
import type { RowBatch } from '../core/row-batch.ts';
import type { Scorer, Scores } from '../core/scorer.ts';

/** How one request went: what a limiter that adapts itself learns from. */
interface RequestOutcome {
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
  /** Waits for its turn, first come first served. Rejects with the signal's reason when it aborts. */
  acquire(signal: AbortSignal): Promise<Permit>;
}

/** At most `limit` requests at once, always. */
export function fixedLimiter(limit: number): Limiter {
  const waiting = new Set<() => void>();
  let inFlight = 0;

  const permit = (): Permit => {
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        inFlight -= 1;
        const [next] = waiting;
        next?.();
      },
    };
  };

  return {
    limit,
    get inFlight() {
      return inFlight;
    },
    acquire: (signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) {
          reject(signal.reason);
          return;
        }
        const admit = (): void => {
          waiting.delete(admit);
          signal.removeEventListener('abort', leave);
          inFlight += 1;
          resolve(permit());
        };
        const leave = (): void => {
          waiting.delete(admit);
          reject(signal.reason);
        };
        if (inFlight < limit) {
          admit();
          return;
        }
        waiting.add(admit);
        signal.addEventListener('abort', leave, { once: true });
      }),
  };
}

const overload = new Set(['SERVER_OVERLOADED', 'SERVER_UNREACHABLE']);

/** Takes a permit for every request, and says how it went. */
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
  return {
    describe: (signal) => scorer.describe(signal),
    score,
    close: () => scorer.close(),
    [Symbol.asyncDispose]: () => scorer.close(),
  };
}
