import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Associations } from '../../../src/core/monitor.ts';
import { accuracyOf } from '../../../src/monitoring/accuracy.ts';
import { BinaryErrors, RegressionErrors } from '../../../src/monitoring/accuracy-metrics.ts';
import { keepActuals } from '../../../src/monitoring/actuals.ts';
import { pairedPredictions } from '../../../src/monitoring/paired-predictions.ts';
import { openLogDatabase, PredictionLog } from '../../../src/monitoring/prediction-log.ts';
import { predictionResults } from '../../../src/monitoring/prediction-results.ts';
import { ALL_ROWS } from '../../../src/monitoring/scored-rows.ts';
import { bucketOf } from '../../../src/monitoring/time-bucket.ts';

const DAY = 86_400_000;
let folder = '';
let files = 0;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'sluice-accuracy-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function newFile(): string {
  files += 1;
  return join(folder, `accuracy-${files}.sqlite`);
}

function numbersOf(ids: readonly string[], predictions: readonly number[]): Associations {
  return {
    ids,
    rows: ids.map((_, row) => row),
    predictions: predictions.map(String),
    positiveClass: null,
    probabilities: [],
  };
}

describe('measures', () => {
  test('of a regression are those of the formulas', () => {
    const value = fc.integer({ min: -1_000, max: 1_000 });
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value), { minLength: 1 }), (pairs) => {
        const errors = new RegressionErrors();
        for (const [prediction, actual] of pairs) errors.add(prediction, actual);
        const found = errors.accuracy()!;
        const mean = pairs.reduce((sum, [, actual]) => sum + actual, 0) / pairs.length;
        const squares = pairs.reduce((sum, [p, a]) => sum + (p - a) ** 2, 0);
        const spread = pairs.reduce((sum, [, a]) => sum + (a - mean) ** 2, 0);
        expect(found.rmse).toBeCloseTo(Math.sqrt(squares / pairs.length), 9);
        expect(found.mae).toBeCloseTo(pairs.reduce((sum, [p, a]) => sum + Math.abs(p - a), 0) / pairs.length, 9);
        if (new Set(pairs.map(([, a]) => a)).size === 1) expect(found.r2).toBeNull();
        else expect(found.r2 ?? Number.NaN).toBeCloseTo(1 - squares / spread, 6);
      }),
    );
  });

  test('of two classes are those of a comparison of all pairs', () => {
    const row = fc.tuple(
      fc.integer({ min: 0, max: 20 }).map((n) => n / 20),
      fc.boolean(),
    );
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 60 }), (rows) => {
        const errors = new BinaryErrors();
        for (const [p, isPositive] of rows.toSorted(([a], [b]) => a - b))
          errors.add(p, isPositive, p > 0.5 === isPositive);
        const found = errors.accuracy()!;
        const [yes, no] = [true, false].map((wanted) => rows.filter(([, is]) => is === wanted).map(([p]) => p)) as [
          number[],
          number[],
        ];
        const wins = yes.flatMap((p) => no.map((q) => (p > q ? 1 : p === q ? 0.5 : 0) as number));
        if (wins.length === 0) expect(found.auc).toBeNull();
        else expect(found.auc).toBeCloseTo(wins.reduce((sum, win) => sum + win, 0) / wins.length, 12);
        const clipped = (p: number): number => Math.min(Math.max(p, 1e-15), 1 - 1e-15);
        const loss = rows.reduce((sum, [p, is]) => sum - Math.log(is ? clipped(p) : 1 - clipped(p)), 0) / rows.length;
        expect(found.logLoss).toBeCloseTo(loss, 9);
      }),
    );
  });

  test('go into buckets of hours, days, weeks from Monday and months, by UTC', () => {
    const time = Date.UTC(2026, 10, 28, 13, 45);
    const starts = (['hour', 'day', 'week', 'month'] as const).map((size) =>
      new Date(bucketOf(time, size)).toISOString(),
    );
    expect(starts.map((start) => start.slice(0, 16))).toEqual([
      '2026-11-28T13:00',
      '2026-11-28T00:00',
      '2026-11-23T00:00',
      '2026-11-01T00:00',
    ]);
  });
});

describe('the log of predictions', () => {
  test('holds each row once, whatever was written twice or cut off, and joins actuals by ID', async () => {
    const path = newFile();
    const job = { deployment: 'd', key: 'k', name: null };
    // A run that is killed behind the commit of the log, and before that of the output.
    const killed = await PredictionLog.open(path, job, 0);
    killed.add(0, numbersOf(['a', 'b'], [1, 2]), 0);
    killed.commit();
    killed.add(1, numbersOf(['c', 'lost'], [30, 40]), 0);
    killed.commit();
    killed.close();
    const again = await PredictionLog.open(path, job, 1);
    // Another cut of the same rows.
    again.add(1, numbersOf(['c'], [3]), DAY);
    again.add(2, numbersOf(['d'], [4]), DAY);
    again.commit();
    again.add(2, numbersOf(['d'], [4]), DAY);
    again.commit();
    again.close();
    const database = await openLogDatabase(path);
    const actual = (association: string, value: string) => ({ association, value, observed: null });
    keepActuals(
      database,
      'd',
      ['a', 'b', 'c', 'd', 'lost', 'other'].map((id) => actual(id, '2')),
    );
    const report = accuracyOf(database, 'd', 'day');
    expect(report).toMatchObject({ predictions: 4, actuals: 6, actualsWithoutPrediction: 2, unusable: 0 });
    expect(report.overall).toMatchObject({ kind: 'regression', rows: 4, mae: (1 + 0 + 1 + 2) / 4 });
    expect(report.buckets.map(({ start, accuracy }) => [start.slice(0, 10), accuracy.rows])).toEqual([
      ['1970-01-01', 2],
      ['1970-01-02', 2],
    ]);
    database.close();
  });

  test('takes the latest prediction of an ID, and the later of two actuals', async () => {
    const path = newFile();
    for (const [key, prediction, at] of [
      ['one', 10, 5],
      ['two', 20, 9],
      ['three', 30, 7],
    ] as const) {
      const log = await PredictionLog.open(path, { deployment: 'd', key, name: key }, 0);
      log.add(0, numbersOf(['a'], [prediction]), at);
      log.commit();
      log.close();
    }
    const database = await openLogDatabase(path);
    const errorWith = (value: string, observed: number | null): number => {
      keepActuals(database, 'd', [{ association: 'a', value, observed }]);
      const { overall } = accuracyOf(database, 'd', 'all');
      return overall?.kind === 'regression' ? overall.mae : Number.NaN;
    };
    expect(errorWith('20', 100)).toBe(0);
    expect(errorWith('25', 200)).toBe(5);
    expect(errorWith('99', 150)).toBe(5);
    expect(errorWith('21', null)).toBe(1);
    database.close();
  });

  test('tells the rows of some jobs from those of others, by their names', async () => {
    const path = newFile();
    for (const [name, predictions] of [
      ['one', [1, 2]],
      ['two', [10, 20]],
      [null, [100, 200]],
    ] as const) {
      const log = await PredictionLog.open(path, { deployment: 'd', key: `key of ${name}`, name }, 0);
      log.add(0, numbersOf(['a', 'b'], predictions), predictions[0]);
      log.commit();
      log.close();
    }
    const database = await openLogDatabase(path);
    keepActuals(database, 'd', [{ association: 'a', value: '0', observed: null }]);
    const of = (jobs: readonly string[] | null): readonly [number, number | null] => {
      const rows = { ...ALL_ROWS, jobs };
      const { predictions, overall } = accuracyOf(database, 'd', 'all', rows);
      const { total } = predictionResults(database, 'd', { ...rows, offset: 0, limit: 10, hasActual: null });
      const paired = pairedPredictions(database, 'd', 'all', rows).reduce((sum, bucket) => sum + bucket.total, 0);
      expect([total, paired]).toEqual([predictions, predictions]);
      return [predictions, overall?.kind === 'regression' ? overall.mae : null];
    };
    expect(of(['one'])).toEqual([2, 1]);
    expect(of(['two', 'none'])).toEqual([2, 10]);
    // Of both the latest prediction of an ID counts.
    expect(of(['one', 'two'])).toEqual([2, 10]);
    expect(of(['none'])).toEqual([0, null]);
    expect(of([])).toEqual([0, null]);
    expect(of(null)).toEqual([2, 100]);
    database.close();
  });

  test('of an earlier version, whose jobs have no names, goes on', async () => {
    const path = newFile();
    const old = new DatabaseSync(path);
    old.exec(
      'CREATE TABLE jobs (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, deployment TEXT NOT NULL); ' +
        "INSERT INTO jobs (key, deployment) VALUES ('k', 'd')",
    );
    old.close();
    const job = { deployment: 'd', key: 'k', name: 'a job' };
    const log = await PredictionLog.open(path, job, Number.POSITIVE_INFINITY);
    log.add(0, numbersOf(['a'], [1]), 0);
    log.commit();
    log.close();
    const database = await openLogDatabase(path);
    expect(accuracyOf(database, 'd', 'all').predictions).toBe(1);
    expect(database.prepare('SELECT key, name FROM jobs').all()).toEqual([{ key: 'k', name: null }]);
    database.close();
  });

  test('gives log loss and AUC of two classes, and the share of right labels of more', async () => {
    const path = newFile();
    const binary = await PredictionLog.open(path, { deployment: 'binary', key: 'b', name: null }, 0);
    const ids = ['1', '2', '3', '4'];
    const labels = ['yes', 'no', 'yes', 'no'];
    binary.add(
      0,
      { ids, rows: [0, 1, 2, 3], predictions: labels, positiveClass: 'yes', probabilities: [0.9, 0.2, 0.6, 0.4] },
      0,
    );
    binary.commit();
    binary.close();
    const several = await PredictionLog.open(path, { deployment: 'several', key: 's', name: null }, 0);
    several.add(
      0,
      { ids, rows: [0, 1, 2, 3], predictions: ['1.0', '2', '3', '3'], positiveClass: '', probabilities: [] },
      0,
    );
    several.commit();
    several.close();
    const database = await openLogDatabase(path);
    const actuals = (values: readonly string[]) =>
      ids.map((id, i) => ({ association: id, value: values[i]!, observed: null }));
    keepActuals(database, 'binary', actuals(['yes', 'no', 'no', 'yes']));
    keepActuals(database, 'several', actuals(['1', '2', '3', '4']));
    expect(accuracyOf(database, 'binary', 'all').overall).toEqual({
      kind: 'binary',
      rows: 4,
      logLoss: expect.closeTo(-(Math.log(0.9) + Math.log(0.8) + Math.log(0.4) + Math.log(0.4)) / 4, 12),
      auc: 0.75,
      accuracy: 0.5,
    });
    expect(accuracyOf(database, 'several', 'all').overall).toEqual({ kind: 'multiclass', rows: 4, accuracy: 0.75 });
    database.close();
  });

  test('is bounded: the oldest predictions of a deployment go first', async () => {
    const path = newFile();
    const log = await PredictionLog.open(path, { deployment: 'd', key: 'k', name: null }, 0);
    for (let batch = 0; batch < 10; batch += 1) log.add(batch, numbersOf([`${batch}-0`, `${batch}-1`], [1, 2]), batch);
    log.commit();
    log.prune(6);
    log.close();
    const database = await openLogDatabase(path);
    const kept = database.prepare('SELECT DISTINCT sequence FROM predictions ORDER BY sequence').all();
    expect(kept.map(({ sequence }) => sequence)).toEqual([7, 8, 9]);
    database.close();
  });
});
