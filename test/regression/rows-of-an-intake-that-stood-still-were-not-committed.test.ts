import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runJob } from '../../src/index.ts';
import { PredictionServer } from '../support/prediction-server.ts';

let folder = '';
let server: PredictionServer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-still-'));
  server = await PredictionServer.start();
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

// A commit was only thought of when the next batch came: of an upload that paused nothing could be downloaded until it went on.
test('what was scored is durable within the time of a commit, though nothing more comes', async () => {
  const path = join(folder, 'out.csv');
  const input = new PassThrough();
  const run = runJob(
    {
      deployment: { id: 'd', server: server.url },
      intakeSettings: { file: '-' },
      outputSettings: { path },
      lingerMs: 0,
    },
    { streams: { input }, commits: { everyMs: 50 } },
  );
  input.write('id\n1\n2\n3\n');
  const ledger = `${path}.ledger.json`;
  for (let left = 250; left > 0 && !existsSync(ledger); left -= 1) await wait(20);
  expect(JSON.parse(readFileSync(ledger, 'utf8')).note.tally.read).toBe(3);
  input.end('4\n');
  expect((await run.result).manifest.tally.scored).toBe(4);
});
