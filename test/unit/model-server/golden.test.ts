import { expect, test } from 'vitest';
import { readCsvRows } from '../../../src/model-server/csv-rows.ts';
import { ModelFolder } from '../../../src/model-server/model-folder.ts';
import { goldenFile, MODELS } from './golden-file.ts';

const deployments = await new ModelFolder(MODELS).deployments();

test('the committed models are a regression, a binary and a multiclass model', () => {
  const kinds = deployments.map(({ file }) => `${file.id} ${file.kind}`);
  expect(kinds).toEqual(['flights-late binary', 'flights regression', 'penguins multiclass']);
});

for (const deployment of deployments) {
  const { id, features } = deployment.file;
  const golden = goldenFile(id);
  const { encoders } = deployment;
  const plan = { encoders, features: features.length, keep: () => [] };
  const rows = readCsvRows(Buffer.from(golden.csv), plan);
  const { predictor } = deployment.current;

  test(`predictions of ${id} are those of xgboost to 1e-5 on 10,000 rows`, async () => {
    const expected = golden.predictions.flat();
    expect(rows.failures.size).toBe(0);
    expect(rows.count).toBe(10_000);
    expect(expected).toHaveLength(rows.count * predictor.outputs);
    const values = await predictor.predict(rows.matrix, rows.count);
    expect(largestDifference(values, expected)).toBeLessThan(1e-5);
  });

  test(`tree SHAP of ${id} is xgboost's pred_contribs to 1e-4`, () => {
    const out = new Float64Array(predictor.outputs * (features.length + 1));
    expect(golden.contributions).toHaveLength(500);
    for (const [row, contributions] of golden.contributions.entries()) {
      predictor.explainer!.explain(rows.matrix, row, out);
      expect(largestDifference(out, contributions.flat())).toBeLessThan(1e-4);
    }
  });
}

test('the golden rows take default branches: values are missing', () => {
  expect(
    goldenFile('penguins')
      .csv.split('\n')
      .filter((line) => line.includes(',,')).length,
  ).toBeGreaterThan(1000);
});

function largestDifference(actual: ArrayLike<number>, expected: readonly number[]): number {
  let largest = 0;
  for (const [i, value] of expected.entries()) largest = Math.max(largest, Math.abs(value - (actual[i] ?? Number.NaN)));
  return actual.length >= expected.length ? largest : Number.POSITIVE_INFINITY;
}
