import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelServer } from '../../src/model-server/index.ts';
import { goldenFile } from '../unit/model-server/golden-file.ts';
import { AS_CSV, cells, flights, GOOD, OTHER, type Post, type Reply, startServer } from './model-server-client.ts';

let server: ModelServer;
let post: Post;

beforeAll(async () => {
  ({ server, post } = await startServer());
});

afterAll(async () => {
  await server.close();
});

function explained(deployment: string, query: string, rows: readonly string[] = [GOOD, OTHER]): Promise<Reply> {
  return post(deployment, flights(...rows), query);
}

describe('explanations', () => {
  test('name input columns, strongest first, and sum with the base value to the prediction', async () => {
    const { data } = await explained('flights', '?maxExplanations=2');
    for (const row of data) {
      const items = row.predictionExplanations;
      const { baseValue, remainingTotal } = row.shapExplanationsMetadata;
      expect(items).toHaveLength(2);
      for (const item of items) expect(['date', 'distance', 'origin', 'destination']).toContain(item.feature);
      expect(Math.abs(items[0]!.strength)).toBeGreaterThanOrEqual(Math.abs(items[1]!.strength));
      const total = items.reduce((sum, { strength }) => sum + strength, baseValue + remainingTotal);
      expect(total).toBeCloseTo(Number(row.prediction), 3);
      expect(items[0]!.label).toBe('delay');
    }
  });

  test('add up the features that are made of one column', async () => {
    const golden = goldenFile('flights');
    const rows = golden.csv
      .split('\n')
      .slice(1, 51)
      .map((line) => `${line},x`);
    const { data } = await explained('flights', '?maxExplanations=all', rows);
    for (const [i, row] of data.entries()) {
      // xgboost's order: distance, hour, weekday, month, origin, destination, base value.
      const [distance, hour, weekday, month, origin, destination, base] = golden.contributions[i]!.flat();
      const expected: Record<string, number> = {
        distance: distance!,
        date: hour! + weekday! + month!,
        origin: origin!,
        destination: destination!,
      };
      for (const { feature, strength } of row.predictionExplanations) {
        expect(strength).toBeCloseTo(expected[feature]!, 4);
      }
      expect(row.shapExplanationsMetadata).toMatchObject({ remainingTotal: 0 });
      expect(row.shapExplanationsMetadata.baseValue).toBeCloseTo(base!, 4);
    }
  });

  test('are those of the positive class for a binary model, and of the predicted one for classes', async () => {
    const { data } = await explained('flights-late', '?maxExplanations=all');
    expect(data.map((row) => row.prediction)).toEqual(['late', 'on_time']);
    for (const row of data) {
      const items = row.predictionExplanations;
      const { baseValue, remainingTotal } = row.shapExplanationsMetadata;
      const margin = items.reduce((sum, { strength }) => sum + strength, baseValue + remainingTotal);
      const positive = row.predictionValues[0]!.value;
      expect(1 / (1 + Math.exp(-margin))).toBeCloseTo(positive, 5);
      expect(new Set(items.map(({ label }) => label))).toEqual(new Set(['late']));
    }
    const golden = goldenFile('penguins');
    const penguins = await post('penguins', golden.csv.split('\n').slice(0, 201).join('\n'), '?maxExplanations=all');
    for (const [i, row] of penguins.data.entries()) {
      const output = ['Adelie', 'Chinstrap', 'Gentoo'].indexOf(String(row.prediction));
      // Seven numbers for each class: six features, and the base value.
      const [length, depth] = golden.contributions[i]!.flat().slice(7 * output);
      const items = row.predictionExplanations;
      expect(items[0]!.label).toBe(row.prediction);
      expect(items.find(({ feature }) => feature === 'Beak Length (mm)')?.strength ?? 0).toBeCloseTo(length!, 4);
      expect(items.find(({ feature }) => feature === 'Beak Depth (mm)')?.strength ?? 0).toBeCloseTo(depth!, 4);
    }
  });

  test('are given at or above thresholdHigh and at or below thresholdLow only', async () => {
    const rows = goldenFile('flights')
      .csv.split('\n')
      .slice(1, 301)
      .map((line) => `${line},x`);
    const { data } = await explained('flights', '?maxExplanations=1&thresholdHigh=20&thresholdLow=0', rows);
    const between = data.filter((row) => Number(row.prediction) < 20 && Number(row.prediction) > 0);
    expect(between.length).toBeGreaterThan(20);
    expect(data.length - between.length).toBeGreaterThan(20);
    for (const row of data) {
      expect(row.predictionExplanations.length === 0).toBe(between.includes(row));
      expect('shapExplanationsMetadata' in row).toBe(!between.includes(row));
    }
    const highOnly = await explained('flights', '?maxExplanations=1&thresholdHigh=20', rows);
    for (const row of highOnly.data) {
      expect(row.predictionExplanations.length).toBe(Number(row.prediction) >= 20 ? 1 : 0);
    }
  });

  test('have the value of the column, and blank cells where CSV has none', async () => {
    const json = await explained('flights', '?maxExplanations=all');
    const items = json.data[0]!.predictionExplanations;
    expect(items.find(({ feature }) => feature === 'distance')!.featureValue).toBe(1300);
    expect(items.find(({ feature }) => feature === 'date')!.featureValue).toBe('2001-02-27 23:29:00');
    expect(items[0]!.qualitativeStrength).toMatch(/^(\++|-+)$/);
    const wide = await post('flights', flights(GOOD), '?maxExplanations=6', AS_CSV);
    const [header, row] = cells(wide.text);
    expect(row).toHaveLength(header!.length);
    expect(row!.slice(-10)).toEqual([...Array.from({ length: 8 }, () => ''), '0', '6.6737003']);
    const none = await post('flights', flights(GOOD), '?maxExplanations=1&thresholdHigh=100000', AS_CSV);
    expect(cells(none.text)[1]!.slice(1)).toEqual(Array.from({ length: 6 }, () => ''));
  });
});
