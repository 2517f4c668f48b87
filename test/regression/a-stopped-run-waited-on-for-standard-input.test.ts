import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { PredictionServer } from '../support/prediction-server.ts';
import { failureOf, startStandardRun } from '../support/standard-streams.ts';

test('a run that is stopped while its standard input stays open writes what it has, leaves out half a row, and ends', async () => {
  await using server = await PredictionServer.start();
  const [input, output] = [new PassThrough(), new PassThrough()];
  const run = startStandardRun(server, { input, output });
  const written = text(output);
  // The second row may go on: nobody knows until its line ends.
  input.write('x,id\n1,r1\n2,r');
  while (run.progress().tally.scored < 1) await new Promise((resolve) => setImmediate(resolve));
  run.stop();
  expect(await failureOf(run)).toMatch(
    /^JOB_INTERRUPTED: stopped after 1 rows, all of them written; .* cannot be continued$/,
  );
  output.end();
  expect(await written).toBe('y_PREDICTION\n2\n');
  expect(input.destroyed).toBe(true);
});

test('a run that is stopped before any row came ends, too', async () => {
  await using server = await PredictionServer.start();
  const [input, output] = [new PassThrough(), new PassThrough()];
  const run = startStandardRun(server, { input, output });
  while (run.progress().state === 'starting') await new Promise((resolve) => setImmediate(resolve));
  run.stop();
  expect(await failureOf(run)).toMatch(/^JOB_INTERRUPTED/);
});
