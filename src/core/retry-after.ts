import type { Clock } from './clock.ts';

/** Who is told to wait for less than this has been told nothing. */
const LEAST_MS = 100;

/**
 * How long a Retry-After header asks to wait, in milliseconds: it holds seconds or an HTTP date. Undefined where it asks for no wait: 0
 * seconds, or a date that has passed by our clock. To obey that would be to ask again without a pause; whoever asks waits as if
 * nothing had been said.
 */
export function retryAfterMs(value: string | undefined, clock: Pick<Clock, 'wall'>): number | undefined {
  const text = value?.trim() ?? '';
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - clock.wall();
  return ms >= LEAST_MS ? ms : undefined;
}
