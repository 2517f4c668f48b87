import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type JobInput, runJob } from '../../src/index.ts';
import { HurriedClock } from '../support/hurried-clock.ts';
import { PredictionServer } from '../support/prediction-server.ts';

const ROWS = 200;
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-model-change-'));
  const lines = Array.from({ length: ROWS }, (_, id) => `${id},row ${id}`);
  writeFileSync(join(folder, 'in.csv'), `id,text\n${lines.join('\n')}\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

function jobTo(name: string, server: PredictionServer, onModelChange: 'abort' | 'pause' | 'record'): JobInput {
  return {
    deployment: { id: 'd', server: server.url },
    intakeSettings: { file: join(folder, 'in.csv') },
    outputSettings: { path: join(folder, name) },
    passthroughColumns: ['id'],
    includeModelVersion: true,
    chunkRows: 20,
    numConcurrent: 2,
    onModelChange,
  };
}

/** The model of each row of an output. */
function modelsOf(name: string): readonly string[] {
  const [, ...lines] = readFileSync(join(folder, name), 'utf8').trimEnd().split('\n');
  return lines.map((line) => line.split(',')[1]!);
}

test('a job that waits for its model says so, and goes on when it is back', async () => {
  const details = new Set<string>();
  await using server = await PredictionServer.start({
    respond: ({ number }) => {
      const { state, detail } = run.progress();
      if (state === 'paused') details.add(detail);
      return { modelId: number >= 4 && number < 20 ? 'new' : 'first' };
    },
  });
  const run = runJob(jobTo('paused.csv', server, 'pause'), { clock: new HurriedClock([]) });
  const { manifest } = await run.result;
  expect(manifest).toMatchObject({ model: { id: 'first' }, tally: { scored: ROWS } });
  expect(manifest.models).toBeUndefined();
  expect(new Set(modelsOf('paused.csv'))).toEqual(new Set(['first']));
  expect([...details]).toEqual([
    'Model new answered, but this job is scored with first. It waits until that model answers again.',
  ]);
});

test('a job that ended for another model is continued with it where that is asked for, and counts the rows of both', async () => {
  await using server = await PredictionServer.start({
    respond: ({ number }) => ({ modelId: number < 4 ? 'first' : 'new' }),
  });
  const commits = { everyBytes: 1 };
  await expect(runJob(jobTo('continued.csv', server, 'abort'), { commits }).result).rejects.toMatchObject({
    code: 'MODEL_CHANGED',
  });
  const { manifest } = await runJob(jobTo('continued.csv', server, 'record')).result;
  const models = modelsOf('continued.csv');
  const rowsOf = (id: string): number => models.filter((model) => model === id).length;
  expect(rowsOf('first')).toBeGreaterThan(0);
  expect(manifest.models).toEqual([
    { model: { id: 'first' }, rows: rowsOf('first') },
    { model: { id: 'new' }, rows: rowsOf('new') },
  ]);
  expect(rowsOf('first') + rowsOf('new')).toBe(ROWS);
});
