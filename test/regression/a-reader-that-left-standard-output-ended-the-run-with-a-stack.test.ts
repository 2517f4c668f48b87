import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { PredictionServer } from '../support/prediction-server.ts';
import { brokenOutput, failureOf, startStandardRun } from '../support/standard-streams.ts';

const TEXT = `x,id\n${Array.from({ length: 500 }, (_, i) => `${i},r${i}\n`).join('')}`;

test.each([
  ['EPIPE', 1, 'OUTPUT_UNWRITABLE: standard output was closed by its reader before all rows were written'],
  ['EPIPE', 0, 'OUTPUT_UNWRITABLE: standard output was closed by its reader before all rows were written'],
  ['ENOSPC', 3, 'OUTPUT_FULL: standard output leads to a disk that is full. Free some space, and start anew.'],
  ['EIO', 2, 'OUTPUT_UNWRITABLE: standard output cannot be written: write EIO'],
])('standard output that fails with %s after %i chunks says why in one sentence', async (code, after, words) => {
  await using server = await PredictionServer.start();
  const input = new PassThrough();
  input.end(TEXT);
  expect(await failureOf(startStandardRun(server, { input, output: brokenOutput(code, after) }))).toBe(words);
});
