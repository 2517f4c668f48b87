import type { Clock } from '../../../core/clock.ts';

const FIRST_MS = 100;
const LONGEST_MS = 10_000;

/** How long to wait before trying again, in milliseconds: doubling, between half and all of it by chance. @param attempt from 0. */
export function retryPause(attempt: number, clock: Clock): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10)) * (0.5 + clock.random() / 2);
}
