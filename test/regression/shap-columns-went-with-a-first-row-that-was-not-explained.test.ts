import { expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { Scores } from '../../src/core/scorer.ts';
import { createDatarobotWire } from '../../src/scoring/wires/datarobot.ts';
import { PLAIN_SCORING, type Wire } from '../../src/scoring/wires/wire.ts';
import { numbered, recordsOf } from '../unit/scoring/rows.ts';

const explained = {
  predictionExplanations: [{ label: 'y', feature: 'x', featureValue: 7, strength: 2, qualitativeStrength: null }],
  shapExplanationsMetadata: { baseValue: 1, remainingTotal: 0.25, warnings: [] },
};
const between = { predictionExplanations: [] };

function wireOf(explanationAlgorithm: string | null): Wire {
  return createDatarobotWire({
    server: 'http://127.0.0.1:1',
    deploymentId: 'd',
    settings: { ...PLAIN_SCORING, maxExplanations: 1, thresholdHigh: 3, explanationAlgorithm },
    clock: systemClock,
    pin: { model: null },
    reply: 'json',
  });
}

function read(wire: Wire, rows: readonly object[]): Scores {
  const data = rows.map((row, rowId) => ({
    rowId,
    prediction: 4,
    predictionValues: [{ label: 'y', value: 4 }],
    ...row,
  }));
  return wire.read(numbered(rows.length), { status: 200, headers: {}, body: Buffer.from(JSON.stringify({ data })) });
}

// The first row that was ever read settled the columns: where it was between the thresholds, which has no SHAP values, those of all later rows were left
// out of the output. What was first differed from worker to worker and from run to run, so that jobs ended with other columns than they had begun with.
test('a row in the reply that is explained shows the columns', () => {
  const scores = read(wireOf(null), [between, explained]);
  expect(scores.columns.map(({ name }) => name).slice(-2)).toEqual(['SHAP_REMAINING_TOTAL', 'SHAP_BASE_VALUE']);
  expect(recordsOf(scores)).toEqual(['4,,,,,,', '4,x,2,7,,0.25,1']);
});

test('explanationAlgorithm: shap has the columns also in replies without any', () => {
  const wire = wireOf('shap');
  expect(recordsOf(read(wire, [between, between]))).toEqual(['4,,,,,,', '4,,,,,,']);
  expect(recordsOf(read(wire, [explained]))).toEqual(['4,x,2,7,,0.25,1']);
});

test('values that come when the columns are settled without them are not dropped: the job says what to set', () => {
  const wire = wireOf(null);
  read(wire, [between]);
  expect(() => read(wire, [explained])).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  expect(() => read(wire, [explained])).toThrow('explanationAlgorithm: shap');
});
