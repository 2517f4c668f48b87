import type { Clock } from '../../src/core/clock.ts';

/** That of another process, which shows the same time. */
export function anotherClock(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    wall: () => clock.wall(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
    random: () => clock.random(),
  };
}
