import type { Clock } from './clock.ts';

/** Whether some work settles, well or not, within `ms` milliseconds. It goes on unseen where it does not. */
export async function settlesWithin(work: Promise<unknown>, ms: number, clock: Pick<Clock, 'sleep'>): Promise<boolean> {
  const settling = new AbortController();
  const late = clock.sleep(ms, settling.signal).then(
    () => false,
    () => true,
  );
  const settled = work.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, late]);
  } finally {
    // With a reason, or it would make an error with a stack each time.
    settling.abort(null);
  }
}
