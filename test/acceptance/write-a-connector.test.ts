import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { runJob } from '../../src/index.ts';
import {
  abortLeavesNothing,
  acceptSink,
  acceptSource,
  checkNamesWhatIsWrong,
  continuesAfterKills,
  deliveredAgainIsWrittenOnce,
  difficultValuesAreRead,
  difficultValuesAreWritten,
  killedBetweenCommitAndPublish,
  killedBetweenWriteAndCommit,
  splitsInParallel,
} from '../../src/testing.ts';
import { scoreTable } from '../integration/examples/run-between.ts';
import { createSqliteSink } from '../integration/examples/sqlite-sink.ts';
import { createSqliteSource } from '../integration/examples/sqlite-source.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { difficultTable, sqliteIntake, sqliteIntakeFaults, sqliteOutputFaults, sqliteOutputs } from './sqlite-place.ts';

const root = join(import.meta.dirname, '../..');

describe("a stranger's source, as the guide has it", () => {
  for (const check of [
    ...acceptSource(sqliteIntake),
    splitsInParallel(sqliteIntake),
    continuesAfterKills(sqliteIntake),
    difficultValuesAreRead(difficultTable),
    checkNamesWhatIsWrong(sqliteIntakeFaults),
  ])
    test(check.name, check.run);
});

describe("a stranger's sink, as the guide has it", () => {
  for (const check of [
    ...acceptSink(sqliteOutputs),
    abortLeavesNothing(sqliteOutputs),
    deliveredAgainIsWrittenOnce(sqliteOutputs),
    difficultValuesAreWritten(sqliteOutputs),
    killedBetweenWriteAndCommit(sqliteOutputs),
    killedBetweenCommitAndPublish(sqliteOutputs),
    checkNamesWhatIsWrong(sqliteOutputFaults),
  ])
    test(check.name, check.run, 240_000);
});

describe('a program with connectors of its own', () => {
  test('scores from the one to the other, is continued where it was stopped, and refuses what is finished', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-between-'));
    await using server = await PredictionServer.start();
    const [from, to] = [join(folder, 'from.db'), join(folder, 'to.db')];
    {
      using db = new DatabaseSync(from);
      db.exec('CREATE TABLE rows (x INTEGER, flight_id TEXT)');
      const insert = db.prepare('INSERT INTO rows VALUES (?, ?)');
      db.exec('BEGIN');
      for (let row = 0; row < 500; row += 1) insert.run(row, `f${row}`);
      db.exec('COMMIT');
    }
    const job = {
      deployment: { id: 'd', server: server.url },
      passthroughColumns: ['flight_id'],
      chunkRows: 20,
      numConcurrent: 1,
    };
    const parts = () => ({
      source: createSqliteSource(from, 'rows'),
      sink: createSqliteSink(to, { overwrite: false }),
    });
    const first = runJob(job, { ...parts(), commits: { everyMs: 0 } });
    server.options = { respond: () => (server.requests.length > 10 ? (first.abort(), { drop: 'before' }) : undefined) };
    await expect(first.result).rejects.toMatchObject({ code: 'JOB_INTERRUPTED' });
    server.options = {};
    const { manifest, progress } = await runJob(job, parts()).result;
    expect(manifest.tally).toEqual({ read: 500, scored: 500, failed: 0, skipped: 0 });
    expect(progress.continuedFrom).toBeGreaterThan(0);
    await expect(runJob(job, parts()).result).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    using db = new DatabaseSync(to);
    const lines = db
      .prepare('SELECT line FROM lines ORDER BY rowid')
      .all()
      .map(({ line }) => line);
    expect(lines).toEqual(Array.from({ length: 500 }, (_, row) => `${2 * row},f${row}`));
    expect(await scoreTable(server.url, from, 'rows', join(folder, 'scored.csv'))).toBe(500);
    expect(readFileSync(join(folder, 'scored.csv'), 'utf8')).toMatch(/^y_PREDICTION,flight_id\n0,f0\n2,f1\n/);
    rmSync(folder, { recursive: true });
  });

  test('the guide shows the files that these tests run', () => {
    const guide = readFileSync(join(root, 'docs/guide/write-a-connector.md'), 'utf8');
    for (const name of ['sqlite-source.ts', 'sqlite-sink.ts', 'run-between.ts'])
      expect(guide).toContain(readFileSync(join(root, 'test/integration/examples', name), 'utf8').trim());
  });
});
