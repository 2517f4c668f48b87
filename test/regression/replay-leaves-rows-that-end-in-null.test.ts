import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type JobInput, runJob } from '../../src/index.ts';
import { letterKey } from '../../src/jobs/dead-letters/replay-options.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { replay } from '../support/replays.ts';

// A dead letter is kept without its LF, and a record was read up to the byte before it: one whose last field is empty seemed to lack a field.
test('a dead letter whose last field is null is replayed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-last-null-'));
  await using server = await PredictionServer.start({ reject: ([id]) => (id === '1' ? 'bad' : null) });
  const [file, path] = [join(folder, 'in.csv'), join(folder, 'out.csv')];
  writeFileSync(file, `id,text\n${Array.from({ length: 9 }, (_, id) => `${id},\n`).join('')}`);
  const job: JobInput = {
    deployment: { id: 'd', server: server.url },
    intakeSettings: { type: 'localFile', file },
    outputSettings: { type: 'localFile', path },
    passthroughColumns: ['id', 'text'],
  };
  await runJob(job).result;
  server.options = {};
  // A corrected row with an open quote was read for ever.
  const open = new Map([[letterKey({ split: file, row: 1, line: 3, output: 1 }), Buffer.from('"1,')]]);
  expect(await replay(job, { mended: open })).toMatchObject([{ letters: 1, scored: 0, untried: 1 }]);
  expect(await replay(job)).toMatchObject([{ letters: 1, scored: 1, failed: 0, untried: 0 }]);
  expect(readFileSync(path, 'utf8').split('\n')[2]).toBe('2,1,');
  rmSync(folder, { recursive: true });
});
