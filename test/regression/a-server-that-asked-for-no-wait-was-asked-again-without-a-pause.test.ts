import { expect, test } from 'vitest';
import { createScorer } from '../../src/scoring/scorer-stack.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { never, numbered, recordsOf } from '../unit/scoring/rows.ts';

// A Retry-After of 0, or of a date that has passed by our clock (the server's goes after it), was obeyed: 600 requests a second from each
// partition, until the retry budget was spent.
test.each(['0', '0.001', 'Wed, 31 Dec 2025 23:59:59 GMT', '-1', '5, 5'])(
  'after a 503 with Retry-After: %s the waits grow as without one',
  async (value) => {
    const clock = new ManualClock(Date.UTC(2026, 0, 1));
    await using server = await PredictionServer.start({
      respond: ({ number }) => (number < 4 ? { status: 503, headers: { 'retry-after': value } } : undefined),
    });
    const { scorer } = createScorer({ id: 'flights', server: server.url }, { numConcurrent: 1 }, { clock });
    await using _ = scorer;
    const scores = scorer.score(numbered(2), never);
    for (const backoff of [100, 200, 400, 800]) {
      await clock.asleep();
      expect(clock.slept.at(-1)).toBe(backoff);
      clock.advance(backoff);
    }
    expect(recordsOf(await scores)).toEqual(['0', '2']);
  },
);
