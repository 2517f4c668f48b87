import { expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';

// A timer that is to wait for 2^31 ms or more waits for 1 ms, and says so on standard error: a part that was to roll after a month
// rolled with every row, and what was never to end did.
test.each([2 ** 31, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY])(
  'a sleep of %d ms does not end at once',
  async (ms) => {
    const stop = new AbortController();
    const sleeping = systemClock.sleep(ms, stop.signal).then(() => 'over');
    const sooner = systemClock.sleep(20, stop.signal).then(() => 'goes on');
    expect(await Promise.race([sleeping, sooner])).toBe('goes on');
    stop.abort('enough');
    await expect(sleeping).rejects.toBe('enough');
  },
);
