import { expect, test } from 'vitest';
import { createScorer } from '../../src/scoring/scorer-stack.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { never, numbered, recordsOf } from '../unit/scoring/rows.ts';

// A body that could not be unpacked was a reply that does not match its rows, whatever its status: a proxy's empty 503 with `content-encoding: gzip`
// ended the job at the second time, where it is to be waited out.
test.each([
  ['gzip', ''],
  ['gzip', 'busy'],
  ['utf-8', 'busy'],
])('a 503 that says %s of the body "%s" is waited out', async (encoding, body) => {
  const clock = new ManualClock();
  await using server = await PredictionServer.start({
    respond: ({ number }) =>
      number < 3 ? { status: 503, body, headers: { 'content-encoding': encoding } } : undefined,
  });
  const { scorer } = createScorer({ id: 'flights', server: server.url }, { numConcurrent: 1 }, { clock });
  await using _ = scorer;
  const scores = scorer.score(numbered(2), never);
  for (let tries = 0; tries < 3; tries += 1) {
    await clock.asleep();
    clock.advance(clock.slept.at(-1)!);
  }
  expect(recordsOf(await scores)).toEqual(['0', '2']);
});
