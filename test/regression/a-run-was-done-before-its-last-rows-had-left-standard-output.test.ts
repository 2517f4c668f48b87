import { PassThrough, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { PredictionServer } from '../support/prediction-server.ts';
import { failureOf, startStandardRun } from '../support/standard-streams.ts';

test('a run is done when its rows are out, and failed when the last of them could not be written', async () => {
  await using server = await PredictionServer.start();
  for (const error of [null, Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })]) {
    const input = new PassThrough();
    input.end('x,id\n1,r\n');
    let letGo: (() => void) | undefined;
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
    const output = new Writable({
      write: (_chunk, _encoding, done) => {
        const isFirst = letGo === undefined;
        letGo ??= () => done(error);
        if (isFirst) reach();
        else done(error);
      },
    });
    const run = startStandardRun(server, { input, output });
    let isOver = false;
    const over = failureOf(run).then((words) => {
      isOver = true;
      return words;
    });
    await reached;
    while (run.progress().state !== 'publishing') await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    letGo?.();
    expect(await over).toMatch(error === null ? /^not ours: null$/ : /^OUTPUT_UNWRITABLE: standard output was closed/);
  }
});
