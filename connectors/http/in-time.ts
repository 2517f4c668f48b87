import type { Clock } from '../../src/sdk.ts';

/** Nobody sees it; a reason given saves making an error with a stack for each wait. */
const CAME_IN_TIME = 'it came in time';

/** What a promise gives, or `late` when it has not by then; rejects with the signal's reason on abort. The work itself goes on unseen. */
export async function inTime<T>(work: Promise<T>, ms: number, clock: Clock, signal: AbortSignal): Promise<T | 'late'> {
  signal.throwIfAborted();
  const timer = new AbortController();
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  const late = clock.sleep(ms, timer.signal).then(
    () => 'late' as const,
    () => 'late' as const,
  );
  try {
    return await Promise.race([work, late, interrupted]);
  } finally {
    signal.removeEventListener('abort', stop);
    timer.abort(CAME_IN_TIME);
  }
}
