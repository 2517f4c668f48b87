import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/core/clock.ts';
import { schemaOf } from '../../../../src/core/schema.ts';
import { resolveJob } from '../../../../src/jobs/description/parse-job.ts';
import type { OcclusionSettings } from '../../../../src/scoring/explanations/occlusion.ts';
import { createScorer } from '../../../../src/scoring/scorer-stack.ts';
import { WIRE_NAMES } from '../../../../src/scoring/wires/wire.ts';
import { batchOf } from '../rows.ts';
import { wireOf } from './dialects.ts';

const others = WIRE_NAMES.filter((name) => name !== 'datarobot');
const clock = systemClock;
const occlusion: OcclusionSettings = {
  sample: { columns: ['a'], features: ['a'], rows: [['1']], chosen: 1 },
  maxExplanations: 3,
  thresholdHigh: null,
  thresholdLow: null,
  limits: { rows: 100, bytes: 100_000, concurrent: 1 },
};

describe('settings that a wire has no words for', () => {
  it.each(others)('are refused by name before anything is asked: %s', (wire) => {
    const create = (scoring: object, settings: object = {}) =>
      createScorer(
        { id: 'd', server: 'http://127.0.0.1:9', wire },
        { numConcurrent: 1, scoring, ...settings },
        { clock },
      );
    const refused = (setting: string) =>
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(`${setting} cannot be had over the wire ${wire}`),
      });
    expect(() => create({ maxExplanations: 3 })).toThrow(refused('maxExplanations'));
    expect(() => create({ predictionWarningEnabled: true })).toThrow(refused('predictionWarningEnabled'));
    expect(() => create({ predictionThreshold: 0.3, thresholdHigh: 0.8 })).not.toThrow();
    expect(() => create({ maxExplanations: 3 }, { occlusion })).not.toThrow();
  });
});

describe('a deployment', () => {
  const problem = (deployment: object): string => {
    try {
      resolveJob({
        deployment: { id: 'd', server: 'http://h', ...deployment },
        intakeSettings: { file: 'in.csv' },
        outputSettings: { path: 'out.csv' },
      });
      return '';
    } catch (error) {
      return error instanceof Error ? error.message : '';
    }
  };

  it.each([
    [{ wire: 'drum' }, ''],
    [{ wire: 'grpc' }, 'must be "datarobot", "drum", "oip", "mlflow" or "json"'],
    [{ wire: 'mlflow', oip: { version: '1' } }, 'is for the wire oip, but wire is mlflow'],
    [{ json: {} }, 'is for the wire json, but wire is datarobot'],
    [{ classes: ['a', 'b'] }, 'is for other wires'],
    [{ wire: 'drum', classes: ['a', 'b'], positiveClass: 'c' }, 'must be one of two classes'],
    [{ wire: 'drum', classes: ['a', 'a'] }, 'names a class twice'],
    [{ wire: 'json', json: { rows: 'data' } }, 'is no JSON pointer'],
    [{ wire: 'json', json: { request: { rows: 1 }, rows: '/rows' } }, 'has something already'],
    [{ wire: 'json', json: { path: 'predict' } }, 'must be a path that begins with a slash'],
    [{ wire: 'json', json: { columns: '/names' } }, 'has a meaning with rowsAs: lists only'],
    [{ wire: 'oip', oip: { colums: ['a'] } }, 'did you mean "columns"'],
    [{ wire: 'mlflow', mlflow: { request: 'records' } }, 'must be "csv" or "dataframe_split"'],
  ])('with %o: %s', (deployment, message) => {
    if (message === '') expect(problem(deployment)).toBe('');
    else expect(problem(deployment)).toContain(message);
  });
});

describe('a server of the wire datarobot that describes its columns', () => {
  it('is not asked for rows that lack one, or have none that fits', async () => {
    const features = [
      { name: 'distance', column: 'distance', type: 'number' },
      { name: 'hour', column: 'date', type: 'hour' },
    ];
    const path = '/predApi/v1.0/deployments/d/info';
    const wire = await wireOf({ wire: 'datarobot' }, { [path]: { features } });
    const rows = (names: readonly string[], text: string) =>
      batchOf(
        Array.from({ length: 12 }, () => names.map(() => text)),
        schemaOf(names),
      );
    const refused = (text: string) =>
      expect.objectContaining({ code: 'MODEL_COLUMNS', message: expect.stringContaining(text) });
    expect(() => wire.request(rows(['distance'], '1'))).toThrow(refused('lack the column "date"'));
    expect(() => wire.request(rows(['date', 'distance'], 'BOS'))).toThrow(refused('"distance" has no number'));
    expect(() => wire.request(rows(['date', 'distance', 'more'], '1'))).not.toThrow();
    expect(() => wire.request(rows(['date', 'distance'], 'NA'))).not.toThrow();
  });
});
