import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { Scores } from '../../../src/core/scorer.ts';
import { createDatarobotWire, type DatarobotOptions } from '../../../src/scoring/wires/datarobot.ts';
import { PLAIN_SCORING, type Wire } from '../../../src/scoring/wires/wire.ts';
import { edited, editsOf } from './moved-items.ts';
import { numbered, recordsOf } from './rows.ts';

function wireOf(options: Partial<DatarobotOptions> = {}): Wire {
  return createDatarobotWire({
    server: 'http://127.0.0.1:1',
    deploymentId: 'flights',
    settings: PLAIN_SCORING,
    clock: systemClock,
    pin: { model: null },
    reply: 'json',
    ...options,
  });
}

/** A wire that was told this by the server's info route. */
async function describedWire(info: object, options: Partial<DatarobotOptions> = {}): Promise<Wire> {
  const wire = wireOf(options);
  await wire.describe(async () => ({ status: 200, headers: {}, body: Buffer.from(JSON.stringify(info)) }));
  return wire;
}

function read(wire: Wire, rows: number, text: string): Scores {
  return wire.read(numbered(rows), { status: 200, headers: {}, body: Buffer.from(text) });
}

const data = (rows: readonly object[]): string => JSON.stringify({ data: rows });

const regression = (values: readonly unknown[]): string =>
  data(values.map((value, rowId) => ({ rowId, prediction: value, predictionValues: [{ label: 'delay', value }] })));

const names = (scores: Scores): readonly string[] => scores.columns.map((column) => column.name);

describe('a JSON reply', () => {
  it('of a regression is read into the column that CSV has, the target named by the reply itself', () => {
    const scores = read(wireOf(), 3, regression([1.5, -2e-7, 3]));
    expect(names(scores)).toEqual(['delay_PREDICTION']);
    expect(recordsOf(scores)).toEqual(['1.5', '-2e-7', '3']);
    expect([...scores.ends]).toEqual([4, 10, 12]);
  });

  it('is asked for without numbering the rows', () => {
    const request = wireOf().request(numbered(2));
    expect(Buffer.from(request.body!).toString()).toBe('id,text\n0,row 0\n1,row 1\n');
    expect(request.path).not.toContain('passthrough');
    expect(request.headers).toContain('application/json');
  });

  it('of a binary deployment has the positive class first, whatever the order of the reply', async () => {
    const target = { name: 'late', kind: 'binary', classes: ['yes', 'no'] };
    const row = (rowId: number, p: number): object => ({
      rowId,
      prediction: p > 0.4 ? 'yes' : 'no',
      predictionThreshold: 0.4,
      predictionValues: [
        { label: 'no', value: 1 - p },
        { label: 'yes', value: p },
      ],
    });
    const scores = read(await describedWire({ target }), 2, data([row(0, 0.25), row(1, 0.75)]));
    expect(names(scores)).toEqual([
      'late_yes_PREDICTION',
      'late_no_PREDICTION',
      'late_PREDICTION',
      'THRESHOLD',
      'POSITIVE_CLASS',
    ]);
    expect(recordsOf(scores)).toEqual(['0.25,0.75,no,0.4,yes', '0.75,0.25,yes,0.4,yes']);
  });

  it('with the labels 1 and 0 gets the class names that the server describes', async () => {
    const row = {
      rowId: 0,
      prediction: 1,
      predictionThreshold: 0.5,
      predictionValues: [
        { label: 0, value: 0.25 },
        { label: 1, value: 0.75 },
      ],
    };
    const target = { name: 'late', kind: 'binary', classes: ['yes', 'no'] };
    const scores = read(await describedWire({ target }), 1, data([row]));
    expect(names(scores).slice(0, 2)).toEqual(['late_yes_PREDICTION', 'late_no_PREDICTION']);
    expect(recordsOf(scores)).toEqual(['0.75,0.25,yes,0.5,yes']);
    const unnamed = read(wireOf({ targetName: 'late' }), 1, data([row]));
    expect(names(unnamed).slice(0, 2)).toEqual(['late_1_PREDICTION', 'late_0_PREDICTION']);
    expect(recordsOf(unnamed)).toEqual(['0.75,0.25,1,0.5,1']);
  });

  it('of a multiclass deployment has its classes by the alphabet, and labels of any text', () => {
    const row = {
      rowId: 0,
      prediction: 'b, "ü"',
      predictionValues: [
        { label: 'c', value: 0.2 },
        { label: 'b, "ü"', value: 0.5 },
        { label: 'a', value: 0.3 },
      ],
    };
    const scores = read(wireOf({ targetName: 't' }), 2, data([row, { ...row, rowId: 1 }]));
    expect(names(scores)).toEqual(['t_a_PREDICTION', 't_b, "ü"_PREDICTION', 't_c_PREDICTION', 't_PREDICTION']);
    expect(recordsOf(scores)).toEqual(['0.3,0.5,0.2,"b, ""ü"""', '0.3,0.5,0.2,"b, ""ü"""']);
  });

  it('with explanations, warnings and approval has all their columns, short lists filled with blanks', () => {
    const row = {
      rowId: 0,
      prediction: 2,
      predictionValues: [{ label: 'y', value: 2 }],
      predictionExplanations: [
        { label: 'y', feature: 'origin', featureValue: 'BOS, MA', strength: -0.5, qualitativeStrength: '--' },
      ],
      shapExplanationsMetadata: { baseValue: 1, remainingTotal: 0.25, warnings: null },
      isOutlierPrediction: true,
      deploymentApprovalStatus: 'APPROVED',
    };
    const wire = wireOf({ settings: { ...PLAIN_SCORING, maxExplanations: 2 } });
    const scores = read(wire, 1, data([row]));
    expect(names(scores)).toEqual([
      'y_PREDICTION',
      'EXPLANATION_1_FEATURE_NAME',
      'EXPLANATION_1_STRENGTH',
      'EXPLANATION_1_ACTUAL_VALUE',
      'EXPLANATION_1_QUALITATIVE_STRENGTH',
      'EXPLANATION_2_FEATURE_NAME',
      'EXPLANATION_2_STRENGTH',
      'EXPLANATION_2_ACTUAL_VALUE',
      'EXPLANATION_2_QUALITATIVE_STRENGTH',
      'SHAP_REMAINING_TOTAL',
      'SHAP_BASE_VALUE',
      'IS_OUTLIER_PREDICTION',
      'DEPLOYMENT_APPROVAL_STATUS',
    ]);
    expect(recordsOf(scores)).toEqual(['2,origin,-0.5,"BOS, MA",--,,,,,0.25,1,True,APPROVED']);
  });

  it('fails the rows alone that have no number, also those before the first good one', () => {
    const text = regression([null, 'NaN!', 3, 4]).replace('"NaN!","predictionValues"', 'NaN,"predictionValues"');
    const scores = read(wireOf(), 4, text.replace('"NaN!"', 'NaN'));
    expect(scores.failures.map((failure) => failure.row)).toEqual([0, 1]);
    expect(recordsOf(scores).slice(2)).toEqual(['3', '4']);
    expect(scores.ends).toHaveLength(4);
  });

  it('keeps NaN and Infinity in texts', () => {
    const row = { rowId: 0, predictionStatus: 'x is NaN, "y" is -Infinity' };
    const text = `{"data":[${JSON.stringify(row)},{"rowId":1,"prediction":-Infinity}]}`;
    const scores = read(wireOf({ targetName: 't' }), 2, text);
    expect(scores.failures.map((failure) => failure.reason)).toEqual([
      'x is NaN, "y" is -Infinity',
      'the prediction is blank',
    ]);
    expect(scores.columns).toEqual([]);
  });

  it('of a classification whose target nobody names is refused with what to set', () => {
    const row = {
      rowId: 0,
      prediction: 'a',
      predictionValues: [
        { label: 'a', value: 1 },
        { label: 'b', value: 0 },
      ],
    };
    expect(() => read(wireOf(), 1, data([row]))).toThrow('Set deployment.target');
  });

  it('with other classes than the replies before is refused', () => {
    const row = (labels: readonly string[]): string =>
      data([{ rowId: 0, prediction: 'a', predictionValues: labels.map((label) => ({ label, value: 0.5 })) }]);
    const wire = wireOf({ targetName: 't' });
    expect(recordsOf(read(wire, 1, row(['a', 'b'])))).toEqual(['0.5,0.5,a']);
    expect(recordsOf(read(wire, 1, row(['b', 'a'])))).toEqual(['0.5,0.5,a']);
    expect(() => read(wire, 1, row(['a', 'c']))).toThrow('other classes');
    expect(() => read(wire, 1, row(['a', 'b', 'c']))).toThrow('other classes');
  });
});

describe('a JSON reply that does not match its rows', () => {
  const rows = 30;
  const values = Array.from({ length: rows }, (_, i) => i * 1.5);
  const good = regression(values);

  it('is refused however its rows are moved, doubled or lost', () => {
    const items = (JSON.parse(good) as { data: object[] }).data;
    fc.assert(
      fc.property(editsOf(rows), (edits) => {
        const text = data([...edited(items, edits)]);
        if (text === good) return;
        expect(() => read(wireOf(), rows, text)).toThrow(expect.objectContaining({ code: 'REPLY_MISMATCH' }));
      }),
    );
  });

  it('is refused wherever it is cut', () => {
    for (let cut = 0; cut < good.length; cut += 7) {
      expect(() => read(wireOf(), rows, good.slice(0, cut))).toThrow(
        expect.objectContaining({ code: 'REPLY_MISMATCH' }),
      );
    }
  });

  it.each(['[]', '{}', 'null', '{"data":{}}', '{"data":[1]}', '{"data":[null]}', '{"data":[{}]}', '{"data":[]}'])(
    'is refused as %s',
    (text) => {
      expect(() => read(wireOf(), 1, text)).toThrow(expect.objectContaining({ code: 'REPLY_MISMATCH' }));
    },
  );
});
