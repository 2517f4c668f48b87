import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ModelServer, startModelServer } from '../../src/model-server/index.ts';
import { agreementOf } from '../support/explanation-agreement.ts';
import { goldenFile, MODELS } from '../unit/model-server/golden-file.ts';

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer({ models: MODELS, port: 0 });
});
afterAll(async () => await server.close());

/** A thousand real flights, of the ten thousand of the golden file. */
function rows(deployment: string, from: number): string {
  const [header, ...lines] = goldenFile(deployment).csv.trimEnd().split('\n');
  return [header, ...lines.slice(from, from + 1_000)].map((line) => `${line}\n`).join('');
}

// By chance, of four columns: the same three in 25 % of the rows, an overlap of 75 %, the same first in 25 %.
test.each([
  ['flights', 0],
  ['flights', 5_000],
  ['flights-late', 0],
])(
  'the three strongest features of %s from row %i on are those of exact SHAP in at least 70 of 100 rows',
  async (id, from) => {
    const { agreement } = await agreementOf({
      server: server.url,
      deployment: id,
      csv: rows(id, from),
      top: 3,
      explanation: {},
    });
    expect(agreement.rows).toBe(1_000);
    expect(agreement.sameSet).toBeGreaterThanOrEqual(0.7);
    expect(agreement.overlap).toBeGreaterThanOrEqual(0.9);
    expect(agreement.sameFirst).toBeGreaterThanOrEqual(0.85);
  },
);
