import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../../../src/core/error.ts';
import { faultOf, never, recordsOf } from '../rows.ts';
import { explained, explainer, rowsOf, sampleOf } from './explained.ts';
import { functionScorer, regression } from './function-scorer.ts';

const AB = ['a', 'b'];
const SAMPLE = sampleOf(AB, [
  ['0', 'x'],
  ['2', 'y'],
]);
const sum = regression(({ a, b }) => 10 * Number(a) + (b === 'y' ? 1 : 0));

describe('the columns of explanations', () => {
  test('stand behind those of the reply, named and filled as those of a server are', async () => {
    const { scorer } = explainer(sum, SAMPLE, { maxExplanations: 3 });
    const scores = await scorer.score(rowsOf(AB, [['3', 'y']]), never);
    expect(scores.columns.map(({ name }) => name)).toEqual([
      'y_PREDICTION',
      ...[1, 2, 3].flatMap((rank) =>
        ['FEATURE_NAME', 'STRENGTH', 'ACTUAL_VALUE', 'QUALITATIVE_STRENGTH'].map(
          (part) => `EXPLANATION_${rank}_${part}`,
        ),
      ),
    ]);
    expect(recordsOf(scores)).toEqual(['31,a,20,3,+++,b,0.5,y,+,,,,']);
  });

  test('have fewer features than there are when fewer are asked for, the strongest ones', async () => {
    const { scorer } = explainer(sum, SAMPLE, { maxExplanations: 1 });
    expect(recordsOf(await scorer.score(rowsOf(AB, [['-1', 'x']]), never))).toEqual(['-10,a,-20,-1,---']);
  });

  test('hold names and values as CSV has them, and missing values', async () => {
    const columns = ['has, comma', 'text'];
    const model = regression((row) => (row['has, comma'] === null ? 5 : 0) + String(row['text']).length);
    const { scorer } = explainer(model, sampleOf(columns, [['1', '']]));
    const rows = rowsOf(columns, [[null, 'say "so",\ntwice']]);
    const [record] = recordsOf(await scorer.score(rows, never));
    expect(record).toMatch(/^20,text,15,"say ""so"",\ntwice",\+\+,"has, comma",5,,\+,/);
  });
});

describe('rows without an explanation', () => {
  test('are those between the thresholds; they cost nothing', async () => {
    const model = regression(({ a }) => Number(a));
    const settings = { thresholdHigh: 5, thresholdLow: 1 };
    const one = explainer(model, sampleOf(['a'], [['0'], ['9']]), settings);
    const found = await explained(one, rowsOf(['a'], [['1'], ['2'], ['4.9'], ['5'], ['7']]));
    expect(found.map(({ strengths }) => strengths.get('a'))).toEqual([-3.5, undefined, undefined, 0.5, 2.5]);
    expect(found[1]!.record).toBe(`2${','.repeat(40)}`);
    expect(one.counters.rows).toBe(3);
    const before = model.batches.length;
    await explained(one, rowsOf(['a'], [['2'], ['3']]));
    expect(model.batches.length).toBe(before + 1);
  });

  test('are those of a model that says the same of everything: all strengths are zero', async () => {
    const found = await explained(
      explainer(
        regression(() => 0.1),
        SAMPLE,
      ),
      rowsOf(AB, [['1', 'x']]),
    );
    expect(found[0]!.record).toBe(`0.1${','.repeat(40)}`);
  });

  test('are those that are their own baseline, also where a lone value is missing; no copy is sent', async () => {
    const model = regression(({ a }) => (a === '' ? 1 : 2));
    const found = await explained(explainer(model, sampleOf(['a'], [[null]])), rowsOf(['a'], [[null]]));
    expect(found[0]!.order).toEqual([]);
    expect(model.batches.some(({ origin }) => origin.split === 'copies')).toBe(false);
  });

  test('that have failed stay failed, those beside them are explained', async () => {
    const model = regression(({ a }) => (a === 'bad' ? null : Number(a)));
    const one = explainer(model, sampleOf(['a'], [['1']]));
    const scores = await one.scorer.score(rowsOf(['a'], [['bad'], ['3'], ['bad']]), never);
    expect(scores.failures.map(({ row }) => row)).toEqual([0, 2]);
    expect(recordsOf(scores)[1]).toMatch(/^3,a,2,3,\+\+\+,/);
    const none = await one.scorer.score(rowsOf(['a'], [['bad']]), never);
    expect(none).toMatchObject({ columns: [], failures: [{ row: 0 }] });
  });
});

describe('a copy that the server refuses', () => {
  // No two fields of different rows go together.
  const picky = regression(({ a, b }) => (a === 'p' && b === 'x' ? null : Number(a === 'q') + 2 * Number(b === 'y')));

  test('tells nothing, and its row is no dead letter: the other walks count', async () => {
    // From (q, x) to (p, y) one walk leads over (p, x), which is refused, the other over (q, y).
    const one = explainer(picky, sampleOf(AB, [['p', 'y']]));
    const scores = await one.scorer.score(rowsOf(AB, [['q', 'x']]), never);
    expect(scores.failures).toEqual([]);
    expect(recordsOf(scores)[0]).toMatch(/^1,b,-2,x,--,a,1,q,\+\+,/);
  });

  test('leaves the cells blank where no walk is left', async () => {
    const model = regression(({ a, b }) => (a === b ? 1 : null));
    const one = explainer(model, sampleOf(AB, [['s', 's']]));
    const scores = await one.scorer.score(rowsOf(AB, [['t', 't']]), never);
    expect(scores.failures).toEqual([]);
    expect(recordsOf(scores)).toEqual([`1${','.repeat(40)}`]);
  });

  test('because of its baseline row is not sent at all', async () => {
    const model = regression(({ a }) => (a === 'bad' ? null : Number(a)));
    const one = explainer(model, sampleOf(['a'], [['bad'], ['4'], ['bad'], ['8']]));
    expect((await explained(one, rowsOf(['a'], [['10']])))[0]!.strengths.get('a')).toBe(4);
    const copies = model.batches.filter(({ origin }) => origin.split === 'copies');
    expect(copies.flatMap((batch) => batch.records())).toEqual([['4'], ['8']]);
  });

  test('in every baseline row is an error that says so', async () => {
    const model = regression(({ a }) => (a === 'bad' ? null : Number(a)));
    const { scorer } = explainer(model, sampleOf(['a'], [['bad']]));
    expect(await faultOf(scorer.score(rowsOf(['a'], [['1']]), never))).toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('what is explained', () => {
  test('for two classes is the probability of the positive one, wherever it stands', async () => {
    const names = ['t_no_PREDICTION', 't_yes_PREDICTION', 't_PREDICTION', 'THRESHOLD', 'POSITIVE_CLASS'];
    const model = functionScorer(names, ({ a }) => [1 - Number(a), Number(a), 'no', 0.5, 'yes']);
    const found = await explained(explainer(model, sampleOf(['a'], [['0.25']])), rowsOf(['a'], [['0.75'], ['0']]));
    expect(found.map(({ strengths }) => strengths.get('a'))).toEqual([0.5, -0.25]);
  });

  test('for more classes is the probability of the predicted one', async () => {
    const names = ['t_p_PREDICTION', 't_q_PREDICTION', 't_r_PREDICTION', 't_PREDICTION'];
    const model = functionScorer(names, ({ a }) =>
      a === 'q' ? [0.25, 0.5, 0.25, 'q'] : a === 'r' ? [0.125, 0.125, 0.75, 'r'] : [0.5, 0.25, 0.25, 'p'],
    );
    const found = await explained(explainer(model, sampleOf(['a'], [['p']])), rowsOf(['a'], [['q'], ['r'], ['p']]));
    expect(found.map(({ strengths }) => strengths.get('a'))).toEqual([0.25, 0.5, undefined]);
  });
});

describe('columns that rows are not explained by', () => {
  test('stay as they are in every copy', async () => {
    const model = regression(({ a, id }) => Number(a) * Number(id));
    const sample = { columns: ['a', 'id'], features: ['a'], rows: [['1', '100']], chosen: 1 };
    const found = await explained(
      explainer(model, sample),
      rowsOf(
        ['id', 'a'],
        [
          ['2', '5'],
          ['3', '5'],
        ],
      ),
    );
    expect(found.map(({ strengths }) => strengths.get('a'))).toEqual([8, 12]);
    expect(found[0]!.order).toEqual(['a']);
  });

  test('are those that the baseline does not have, too; rows with none of its columns are an error', async () => {
    const model = regression(({ a, extra }) => Number(a ?? 0) + Number(extra));
    const one = explainer(model, sampleOf(['a'], [['1'], ['3']]));
    const [found] = await explained(one, rowsOf(['extra', 'a'], [['7', '5']]));
    expect([...found!.strengths]).toEqual([['a', 3]]);
    const fault = await faultOf(one.scorer.score(rowsOf(['extra'], [['7']]), never));
    expect(fault).toMatchObject({ code: 'COLUMN_UNKNOWN' });
  });
});

describe('a failure', () => {
  test('of the server while it scores copies is the failure of the batch, and ends its other requests', async () => {
    const broken = functionScorer(['y_PREDICTION'], () => [1]);
    const down = {
      ...broken,
      score: async (batch: Parameters<typeof broken.score>[0], signal: AbortSignal) => {
        if (batch.origin.split === 'copies') throw new SluiceError('MODEL_CHANGED', 'another model');
        return await broken.score(batch, signal);
      },
    };
    const { scorer } = explainer(down, SAMPLE);
    expect(await faultOf(scorer.score(rowsOf(AB, [['1', 'x']]), never))).toMatchObject({ code: 'MODEL_CHANGED' });
  });

  test('of one batch while baseline rows are chosen is none of another that waits for them', async () => {
    const gate = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const model = regression(({ a }) => Number(a));
    const slow = {
      ...model,
      score: async (batch: Parameters<typeof model.score>[0], signal: AbortSignal) => {
        if (batch.origin.split === 'baseline') {
          asked.resolve();
          await gate.promise;
        }
        return await model.score(batch, signal);
      },
    };
    const one = explainer(slow, sampleOf(['a'], [['1']]));
    const leaving = new AbortController();
    const left = one.scorer.score(rowsOf(['a'], [['2']]), leaving.signal);
    left.catch(() => undefined);
    await asked.promise;
    const stays = explained(one, rowsOf(['a'], [['3']]));
    await new Promise(setImmediate);
    leaving.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    gate.resolve();
    expect((await stays)[0]!.strengths.get('a')).toBe(2);
  });
});
