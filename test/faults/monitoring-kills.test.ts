import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JobInput, Manifest } from '../../src/index.ts';
import { sluice } from '../support/command-line.ts';
import { PredictionServer } from '../support/prediction-server.ts';

const CHILD = join(import.meta.dirname, '../support/run-job-child.ts');
const ROWS = 4_000;
const ROWS_PER_REQUEST = 50;

let folder = '';
let server: PredictionServer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-monitoring-'));
  const cities = ['Oslo', 'Rome', 'Bonn', ''];
  const lines = Array.from({ length: ROWS }, (_, i) => `${i},${(i * 7919) % 1009},${cities[i % 4]}\n`);
  writeFileSync(join(folder, 'rows.csv'), `id,x,city\n${lines.join('')}`);
  server = await PredictionServer.start({
    rejectAs: 'row',
    reject: (fields) => (Number(fields[0]) % 100 === 37 ? `row ${fields[0]} is bad` : null),
  });
  const made = await sluice(['baseline', 'rows.csv', '--out', 'baseline.json'], { cwd: folder });
  expect(made.stderr).toBe('');
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the job to its end, killing its process when the server gets the requests of these numbers. */
async function run(name: string, kills: readonly number[]) {
  const state = join(folder, name);
  mkdirSync(state);
  const description: JobInput = {
    deployment: {
      id: 'killed',
      server: server.url,
      associationId: 'id',
      accuracy: true,
      baseline: join(folder, 'baseline.json'),
    },
    intakeSettings: { file: join(folder, 'rows.csv') },
    outputSettings: { path: join(state, 'out.csv') },
    chunkRows: ROWS_PER_REQUEST,
    numConcurrent: 3,
  };
  let continuedFrom = '';
  for (const kill of [...kills, null]) {
    const child = spawn(process.execPath, [CHILD, JSON.stringify(description)], {
      env: { ...process.env, SLUICE_STATE: state },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let requests = 0;
    server.options = {
      ...server.options,
      respond: () => {
        requests += 1;
        if (requests !== kill) return undefined;
        child.kill('SIGKILL');
        return { after: new Promise(() => undefined) };
      },
    };
    let told = '';
    child.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()));
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    expect(code).toBe(kill === null ? 0 : null);
    continuedFrom = told.split('\n').at(-2) ?? '';
  }
  const manifest = JSON.parse(readFileSync(join(state, 'out.csv.manifest.json'), 'utf8')) as Manifest;
  const database = new DatabaseSync(join(state, 'accuracy.sqlite'));
  const kept = database
    .prepare('SELECT association, prediction FROM predictions ORDER BY CAST(association AS INTEGER)')
    .all();
  database.close();
  return { statistics: manifest.statistics, kept, continuedFrom: Number(continuedFrom) };
}

describe('a monitored job that is killed with kill -9 and run again', () => {
  test('has the statistics and the predictions of an undisturbed run: every row once', async () => {
    const quiet = await run('quiet', []);
    expect(quiet.statistics).toMatchObject({ rows: ROWS - 40, sampled: ROWS - 40, refusals: { count: 40 } });
    expect(quiet.kept.length).toBe(ROWS - 40);
    expect(quiet.kept[1]).toMatchObject({ association: '1', prediction: '2' });
    const killed = await run('killed', [9, 25, 17]);
    expect(killed.continuedFrom).toBeGreaterThan(0);
    expect(killed.statistics).toEqual(quiet.statistics);
    expect(killed.kept).toEqual(quiet.kept);
  }, 30_000);
});
