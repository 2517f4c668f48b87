import { expect, it } from 'vitest';
import { createScorer } from '../../src/scoring/scorer-stack.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { never, numbered } from '../unit/scoring/rows.ts';

/**
 * A server that answers 500 for a bad row looked as if it failed on everything when a job began with bad rows in every
 * half of its first batches: no row was known to be good, and the job waited until its retry budget was spent.
 */
it('a job that begins with bad rows all over scores the good ones, though each bad one is a 500', async () => {
  const bad = (id: number): boolean => id % 4 !== 3;
  await using server = await PredictionServer.start({
    reject: ([id]) => (bad(Number(id)) ? `row ${id} is bad` : null),
    rejectAs: 500,
  });
  const clock = new ManualClock();
  clock.autoAdvance();
  await using scorer = createScorer({ id: 'flights', server: server.url }, { numConcurrent: 1 }, { clock }).scorer;
  const rows = 100;
  const scores = await scorer.score(numbered(rows), never);
  expect(scores.failures.map((failure) => failure.row)).toEqual(Array.from({ length: rows }, (_, i) => i).filter(bad));
  expect(clock.slept).toEqual([]);
});
