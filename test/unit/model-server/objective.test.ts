import { expect, test } from 'vitest';
import { objectives } from '../../../src/model-server/objective.ts';

test('every link turns the margin of a base score back into the base score', () => {
  for (const [name, objective] of objectives) {
    if (objective.kinds.includes('multiclass')) continue;
    const values = Float32Array.of(objective.marginOf(0.3));
    objective.link(values, 1);
    expect(values[0], name).toBeCloseTo(0.3, 6);
  }
});

test('softmax gives shares of 1, for margins of any size', () => {
  const values = Float32Array.of(1000, 1000, -1000, 0, 0, 0);
  objectives.get('multi:softprob')!.link(values, 3);
  expect([...values].map((value) => Number(value.toFixed(6)))).toEqual([0.5, 0.5, 0, 0.333333, 0.333333, 0.333333]);
});
