import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelServer } from '../../src/model-server/index.ts';
import { goldenFile } from '../unit/model-server/golden-file.ts';
import {
  AS_CSV,
  AS_JSON_ROWS,
  BAD,
  cells,
  flights,
  GOOD,
  OTHER,
  type Post,
  startServer,
} from './model-server-client.ts';

let server: ModelServer;
let post: Post;

beforeAll(async () => {
  ({ server, post } = await startServer());
});

afterAll(async () => {
  await server.close();
});

describe('JSON replies', () => {
  test('a regression has its value under the name of the target, row by row from 0', async () => {
    const { status, headers, data } = await post('flights', flights(GOOD, OTHER));
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/json');
    expect(data.map((row) => row.rowId)).toEqual([0, 1]);
    for (const row of data) expect(row.predictionValues).toEqual([{ label: 'delay', value: row.prediction }]);
  });

  test('a binary model has real labels, the positive one first, and its threshold', async () => {
    const { data } = await post('flights-late', flights(GOOD, OTHER));
    expect(data[0]).toMatchObject({ prediction: 'late', predictionThreshold: 0.3 });
    expect(data[1]).toMatchObject({ prediction: 'on_time', predictionThreshold: 0.3 });
    for (const row of data) {
      const values = row.predictionValues;
      expect(values.map(({ label }) => label)).toEqual(['late', 'on_time']);
      expect(values[0]!.value + values[1]!.value).toBeCloseTo(1, 6);
      expect(values[0]!.value > 0.3).toBe(row.prediction === 'late');
    }
  });

  test('a multiclass model has all classes by their labels and predicts the most probable one', async () => {
    const penguins = [
      {
        Island: 'Biscoe',
        'Beak Length (mm)': 46.1,
        'Beak Depth (mm)': '13.2',
        'Flipper Length (mm)': 211,
        'Body Mass (g)': null,
        Sex: 'MALE',
      },
    ];
    const { data } = await post('penguins', JSON.stringify(penguins), '', AS_JSON_ROWS);
    const values = data[0]!.predictionValues;
    expect(values.map(({ label }) => label)).toEqual(['Adelie', 'Chinstrap', 'Gentoo']);
    expect(data[0]!.prediction).toBe('Gentoo');
    expect(values.toSorted((a, b) => b.value - a.value)[0]!.label).toBe('Gentoo');
  });

  test('JSON rows and CSV rows with the same values have the same predictions', async () => {
    const rows = [
      { date: '2001-02-27T23:29:00Z', distance: 1300, origin: 'MSP', destination: 'LAS' },
      { date: '2001-06-27 12:42', distance: '999', destination: 'DFW', origin: 'GSO' },
      { date: null, destination: 'LAS', origin: '???' },
    ];
    const json = await post('flights', JSON.stringify(rows), '', AS_JSON_ROWS);
    const text = await post('flights', flights(GOOD, OTHER, ',,???,LAS,x'));
    expect(json.status).toBe(200);
    expect(json.data).toEqual(text.data);
  });
});

async function header(deployment: string, body: string, query = ''): Promise<string> {
  return (await post(deployment, body, query, AS_CSV)).text.split('\n', 1)[0]!;
}

describe('CSV replies', () => {
  test('each kind has its columns in their order', async () => {
    expect(await header('flights', flights(GOOD))).toBe('delay_PREDICTION');
    expect(await header('flights-late', flights(GOOD))).toBe(
      'late_late_PREDICTION,late_on_time_PREDICTION,late_PREDICTION,THRESHOLD,POSITIVE_CLASS',
    );
    const penguins = goldenFile('penguins').csv.split('\n').slice(0, 2).join('\n');
    expect(await header('penguins', penguins)).toBe(
      'species_Adelie_PREDICTION,species_Chinstrap_PREDICTION,species_Gentoo_PREDICTION,species_PREDICTION',
    );
    expect(
      await header('flights', flights(GOOD), '?maxExplanations=1&predictionWarningEnabled=true&passthroughColumns=id'),
    ).toBe(
      'delay_PREDICTION,EXPLANATION_1_FEATURE_NAME,EXPLANATION_1_STRENGTH,EXPLANATION_1_ACTUAL_VALUE,' +
        'EXPLANATION_1_QUALITATIVE_STRENGTH,SHAP_REMAINING_TOTAL,SHAP_BASE_VALUE,IS_OUTLIER_PREDICTION,id',
    );
  });

  test('CSV and JSON have the same numbers and labels', async () => {
    const body = flights(GOOD, OTHER);
    const [json, text] = [await post('flights-late', body), await post('flights-late', body, '', AS_CSV)];
    expect(text.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    const lines = cells(text.text).slice(1);
    for (const [i, row] of json.data.entries()) {
      const values = row.predictionValues.map(({ value }) => String(value));
      expect(lines[i]).toEqual([...values, row.prediction, '0.3', 'late']);
    }
  });

  test('passthrough columns are the bytes of the request, last and in the order asked for', async () => {
    const awkward = '2001-01-01, 7,"LAS","A B ""C"", é\r\n2",  00.70 ';
    const one = await post(
      'flights',
      flights(awkward),
      '/?passthroughColumns=destination&passthroughColumns=id&passthroughColumns=id',
      AS_CSV,
    );
    expect(one.text).toMatch(/^delay_PREDICTION,destination,id\n-?[\d.]+,"A B ""C"", é\r\n2", {2}00.70 \n$/);
    const all = await post('flights', flights(awkward), '?passthroughColumnsSet=all', AS_CSV);
    expect(all.text.endsWith(`,${awkward}\n`)).toBe(true);
    const json = await post('flights', flights(awkward), '?passthroughColumns=destination&passthroughColumns=id');
    expect(json.data[0]!.passthroughValues).toEqual({ destination: 'A B "C", é\r\n2', id: '  00.70 ' });
  });

  test('JSON values pass through to JSON as they are, and to CSV as text', async () => {
    const body = JSON.stringify([
      { date: null, distance: 1, origin: 'LAS', destination: 'LAX', a: { b: [1] }, c: true, d: '' },
    ]);
    const query = '?passthroughColumns=a&passthroughColumns=c&passthroughColumns=d&passthroughColumns=date';
    expect((await post('flights', body, query, AS_JSON_ROWS)).data[0]!.passthroughValues).toEqual({
      a: { b: [1] },
      c: true,
      d: '',
      date: null,
    });
    expect((await post('flights', body, query, { ...AS_JSON_ROWS, ...AS_CSV })).text).toMatch(
      /,"\{""b"":\[1\]\}",true,"",\n$/,
    );
  });

  test('predictions on real rows through the whole server are those of xgboost', async () => {
    const golden = goldenFile('flights-late');
    const reply = await post('flights-late', golden.csv, '', AS_CSV);
    const lines = cells(reply.text).slice(1);
    expect(lines).toHaveLength(10_000);
    const difference = golden.predictions.map((expected, i) => Math.abs(Number(lines[i]![0]) - Number(expected)));
    expect(Math.max(...difference)).toBeLessThan(1e-5);
  });
});

describe('rows that cannot be scored', () => {
  test('fail alone: the others have the predictions that they have without them', async () => {
    const mixed = await post('flights', flights(GOOD, BAD, OTHER));
    const good = await post('flights', flights(GOOD, OTHER));
    expect(mixed.status).toBe(200);
    expect(mixed.data[1]).toEqual({ rowId: 1, predictionStatus: 'Column "distance": "abc" is not a number.' });
    expect([mixed.data[0]!.prediction, mixed.data[2]!.prediction]).toEqual(good.data.map((row) => row.prediction));
  });

  test('have blank cells and a status in CSV; the status column is there only when it is needed', async () => {
    const query = '?passthroughColumns=id&maxExplanations=1&predictionWarningEnabled=true';
    const { text } = await post('flights', flights(GOOD, BAD), query, AS_CSV);
    const [header, good, bad] = text.split('\n');
    expect(header!.split(',').slice(-3)).toEqual(['IS_OUTLIER_PREDICTION', 'prediction_status', 'id']);
    expect(good!.split(',').slice(-2)).toEqual(['OK', '007']);
    expect(bad).toBe(`${','.repeat(8)}"Column ""distance"": ""abc"" is not a number.",bad`);
    const alone = await post('flights', flights(BAD), '', AS_CSV);
    expect(alone.text).toBe('delay_PREDICTION,prediction_status\n,"Column ""distance"": ""abc"" is not a number."\n');
  });

  test('are not confused with unknown categories and empty cells, which are missing values', async () => {
    const { data } = await post('flights', flights(',,,,', '2001-01-01,NA,Nowhere,"",x'));
    for (const row of data) expect(row.prediction).toBeTypeOf('number');
  });
});

test('a batch of n rows has the outcomes of n batches of one row, also with explanations', async () => {
  const golden = goldenFile('flights-late')
    .csv.trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => `${line},x`);
  const row = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...golden) },
    { weight: 1, arbitrary: fc.constantFrom(BAD, ',,,,', OTHER) },
  );
  const query = '?maxExplanations=3&thresholdHigh=0.2&passthroughColumnsSet=all';
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), async (rows) => {
      const together = await post('flights-late', flights(...rows), query);
      const alone = await Promise.all(rows.map((one) => post('flights-late', flights(one), query)));
      expect(together.data).toEqual(alone.map(({ data }, rowId) => ({ ...data[0], rowId })));
    }),
    { numRuns: 40 },
  );
});
