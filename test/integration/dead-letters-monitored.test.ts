import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createFileStore } from '../../connectors/file/file-store.ts';
import { readManifest } from '../../src/codecs/objects/read-manifest.ts';
import type { Manifest } from '../../src/core/ledger.ts';
import type { JobInput } from '../../src/index.ts';
import { runJob } from '../../src/jobs/run-job.ts';
import { sluice } from '../support/command-line.ts';
import { ReplayScene } from '../support/replay-scene.ts';
import { isBad, refusesBad, replay } from '../support/replays.ts';
import { newSqlite } from '../support/sql-databases.ts';

const never = new AbortController().signal;
const ROWS = 210;
const scene = await ReplayScene.open(ROWS);
const { folder, server, bad: BAD } = scene;
const baseline = join(folder, 'baseline.json');
beforeAll(async () => {
  const made = await sluice(['baseline', 'in.csv', '--exclude', 'id', '--out', baseline], { cwd: folder });
  expect(made).toMatchObject({ code: 0, stderr: '' });
});
beforeEach(() => {
  server.options = { ...refusesBad, modelId: 'm1' };
});
afterEach(() => {
  vi.unstubAllEnvs();
});

function jobTo(outputSettings: JobInput['outputSettings'], changes: Partial<JobInput> = {}): JobInput {
  const deployment = { id: 'd', server: server.url, associationId: 'id', accuracy: true, baseline };
  return scene.job(outputSettings, { deployment, passthroughColumns: ['text'], ...changes });
}

/** A state folder of its own. */
function stateIn(name: string): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  vi.stubEnv('SLUICE_STATE', path);
  return path;
}

async function manifestOf(path: string): Promise<Manifest> {
  return (await readManifest(createFileStore(), `${path}.manifest.json`, never))!;
}

/** What is kept for actuals: by association ID, without when it was. */
function logged(state: string): readonly unknown[] {
  const database = new DatabaseSync(join(state, 'accuracy.sqlite'));
  try {
    return database
      .prepare('SELECT association, prediction FROM predictions ORDER BY CAST(association AS INTEGER)')
      .all();
  } finally {
    database.close();
  }
}

/** Means and deviations are added in another order. */
function rounded(statistics: Manifest['statistics']): unknown {
  return JSON.parse(
    JSON.stringify(statistics, (key, value: unknown) =>
      typeof value === 'number' && (key === 'mean' || key === 'squares') ? Number(value.toPrecision(10)) : value,
    ),
  );
}

describe('a replay of a monitored output', () => {
  test('leaves the statistics and the predictions of a run that never had a bad row', async () => {
    const wholeState = stateIn('whole');
    server.options = { modelId: 'm1' };
    const whole = join(folder, 'whole.csv');
    await runJob(jobTo({ path: whole })).result;
    const state = stateIn('replayed');
    server.options = { ...refusesBad, modelId: 'm1', rejectAs: 'row' };
    const path = join(folder, 'replayed.csv');
    const { manifest } = await runJob(jobTo({ path })).result;
    expect(manifest.statistics).toMatchObject({ rows: ROWS - BAD.length, refusals: { count: BAD.length } });
    expect(logged(state).length).toBe(ROWS - BAD.length);

    // Half of them are mended first.
    server.options = {
      modelId: 'm1',
      rejectAs: 'row',
      reject: ([id]) => (Number(id) < 100 && isBad(Number(id)) ? 'not yet 7' : null),
    };
    const [first] = await replay(jobTo({ path }));
    const left = BAD.filter((id) => id < 100).length;
    expect(first).toMatchObject({ scored: BAD.length - left, failed: left });
    const between = (await manifestOf(path)).statistics!;
    expect(between).toMatchObject({ rows: ROWS - left, refusals: { count: left } });
    expect(between.refusals.values.map(([, text, count]) => [text, count])).toEqual([
      [expect.stringContaining('not yet #'), left],
    ]);
    expect(logged(state).length).toBe(ROWS - left);

    server.options = { modelId: 'm1' };
    await replay(jobTo({ path }));
    const statistics = (await manifestOf(path)).statistics;
    expect(rounded(statistics)).toEqual(rounded((await manifestOf(whole)).statistics));
    expect(logged(state)).toEqual(logged(wholeState));
    expect(readFileSync(path)).toEqual(readFileSync(whole));

    const bytes = readFileSync(`${path}.manifest.json`);
    await replay(jobTo({ path }));
    expect(readFileSync(`${path}.manifest.json`)).toEqual(bytes);
    expect(logged(state)).toEqual(logged(wholeState));
  });

  test('in a table counts each row once, too; begun anew, nothing of the replay is left in the log', async () => {
    const state = stateIn('table');
    await using database = await newSqlite();
    const { jdbcUrl } = database.access;
    const table = { table: 'scored', statementType: 'insert', createTableIfNotExists: true } as const;
    const output = { type: 'jdbc', jdbcUrl, ...table } as const;
    server.options = { ...refusesBad, modelId: 'm1', rejectAs: 'row' };
    const job = jobTo(output, { columnNamesRemapping: {} });
    await runJob(job).result;
    server.options = { modelId: 'm1' };
    const [report] = await replay(job);
    expect(report?.manifest?.statistics).toMatchObject({ rows: ROWS, refusals: { count: 0, values: [] } });
    expect(logged(state).length).toBe(ROWS);
    const again = await replay(job);
    expect(again[0]?.manifest?.statistics).toEqual(report?.manifest?.statistics);

    server.options = { ...refusesBad, modelId: 'm1', rejectAs: 'row' };
    await runJob(job, { overwrite: true }).result;
    expect(logged(state).length).toBe(ROWS - BAD.length);
  });
});

describe('a replay of rows that the job explains itself', () => {
  const explained = { maxExplanations: 2, explanationAlgorithm: 'occlusion' } as const;

  test('gives each the explanation that it would have had', async () => {
    stateIn('explained');
    const predict = ([id, , grade]: readonly string[]): string => String((Number(id) % 10) + 3 * Number(grade));
    server.options = { modelId: 'm1', predict };
    const whole = join(folder, 'explained-whole.csv');
    await runJob(jobTo({ path: whole }, explained)).result;
    server.options = { ...refusesBad, predict, modelId: 'm1', rejectAs: 'row' };
    const path = join(folder, 'explained.csv');
    const { manifest } = await runJob(jobTo({ path }, explained)).result;
    expect(manifest.tally.failed).toBe(BAD.length);
    server.options = { modelId: 'm1', predict };
    expect((await replay(jobTo({ path }, explained)))[0]).toMatchObject({ scored: BAD.length });
    expect(readFileSync(path, 'utf8')).toBe(readFileSync(whole, 'utf8'));
  });

  test('says what to do when the rows that it explains by are gone', async () => {
    stateIn('gone');
    const path = join(folder, 'gone.csv');
    server.options = { ...refusesBad, modelId: 'm1', rejectAs: 'row' };
    await runJob(jobTo({ path }, explained)).result;
    const gone = { ...explained, intakeSettings: { file: join(folder, 'moved.csv') } };
    await expect(replay(jobTo({ path }, gone))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/explains its rows by.*Bring the intake back/s),
    });
  });
});
