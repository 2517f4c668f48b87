import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explained, explainer, rowsOf, sampleOf } from './explained.ts';
import { type Row, regression } from './function-scorer.ts';

interface Case {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
  readonly baseline: readonly (readonly (string | null)[])[];
  /** A weight per column. */
  readonly weights: readonly number[];
}

// Text, numbers and missing values alike: the model makes numbers of all of them.
const field = fc.oneof(fc.integer({ min: -9, max: 9 }).map(String), fc.constantFrom(null, 'BOS', 'JFK', 'x y'));
const cases = fc.integer({ min: 1, max: 5 }).chain((width) => {
  const row = fc.array(field, { minLength: width, maxLength: width });
  return fc.record<Case>({
    columns: fc.uniqueArray(fc.stringMatching(/^[a-z]{1,3}$/), { minLength: width, maxLength: width }),
    rows: fc.array(row, { minLength: 1, maxLength: 6 }),
    baseline: fc.array(row, { minLength: 1, maxLength: 7 }),
    weights: fc.array(fc.integer({ min: -4, max: 4 }), { minLength: width, maxLength: width }),
  });
});

function numberOf(value: Row[string]): number {
  // A lone column has no record for a missing value, and holds the empty text in its place.
  if (value === null || value === undefined || value === '') return 0.5;
  const number = Number(value);
  return Number.isNaN(number) ? String(value).length : number;
}

function additive({ columns, weights }: Case): (row: Row) => number {
  return (row) => columns.reduce((sum, name, i) => sum + weights[i]! * numberOf(row[name] ?? null) ** 2, 0);
}

/** A model in which everything depends on everything. */
function entangled({ columns, weights }: Case): (row: Row) => number {
  return (row) => columns.reduce((product, name, i) => product * (1 + weights[i]! * numberOf(row[name] ?? null)), 1);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function asRow(columns: readonly string[], fields: Case['rows'][number]): Row {
  return Object.fromEntries(columns.map((name, i) => [name, fields[i] ?? null]));
}

/** Nine digits of the largest number that the model gave. */
function expectNear(found: number, wanted: number, scale: number): void {
  expect(Math.abs(found - wanted)).toBeLessThanOrEqual(1e-8 * Math.max(1, scale));
}

describe('strengths', () => {
  test('are the terms of a model that is a sum, against their means over the baseline rows', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (tested) => {
        const { columns, rows, baseline, weights } = tested;
        const found = await explained(
          explainer(regression(additive(tested)), sampleOf(columns, baseline)),
          rowsOf(columns, rows),
        );
        for (const [row, { strengths }] of found.entries()) {
          for (const [i, name] of columns.entries()) {
            const term = (fields: Case['rows'][number]): number => weights[i]! * numberOf(fields[i] ?? null) ** 2;
            expectNear(strengths.get(name) ?? 0, term(rows[row]!) - mean(baseline.map(term)), 1_000);
          }
        }
      }),
    );
  });

  test('add up to the prediction less the mean prediction of the baseline rows, whatever the model', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (tested) => {
        const { columns, rows, baseline } = tested;
        const model = entangled(tested);
        const found = await explained(explainer(regression(model), sampleOf(columns, baseline)), rowsOf(columns, rows));
        const base = mean(baseline.map((fields) => model(asRow(columns, fields))));
        for (const [row, { strengths }] of found.entries()) {
          const sum = [...strengths.values()].reduce((total, strength) => total + strength, 0);
          const scale = Math.max(...[...rows, ...baseline].map((fields) => Math.abs(model(asRow(columns, fields)))));
          expectNear(sum, model(asRow(columns, rows[row]!)) - base, 100 * scale);
        }
      }),
    );
  });

  test('are ordered by size, equal ones by the name of the feature', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (tested) => {
        const { columns, rows, baseline } = tested;
        const found = await explained(
          explainer(regression(additive(tested)), sampleOf(columns, baseline)),
          rowsOf(columns, rows),
        );
        for (const { order, strengths } of found) {
          const sorted = [...strengths.keys()].toSorted(
            (a, b) => Math.abs(strengths.get(b)!) - Math.abs(strengths.get(a)!) || (a < b ? -1 : 1),
          );
          expect(order).toEqual(sorted);
        }
      }),
    );
  });

  test('belong to the columns, in whatever order those stand', async () => {
    await fc.assert(
      fc.asyncProperty(cases, fc.nat(), async (tested, turn) => {
        const { columns, rows, baseline } = tested;
        const turned = <T>(list: readonly T[]): readonly T[] => {
          const by = turn % list.length;
          return [...list.slice(by), ...list.slice(0, by)];
        };
        const model = entangled(tested);
        // Fewer than there are, so that some are chosen.
        const sample = { ...sampleOf(columns, baseline), chosen: Math.ceil(baseline.length / 2) };
        const other = { ...sampleOf(turned(columns), baseline.map(turned)), chosen: sample.chosen };
        const plain = await explained(explainer(regression(model), sample), rowsOf(columns, rows));
        const moved = await explained(explainer(regression(model), other), rowsOf(turned(columns), rows.map(turned)));
        expect(moved.map(({ record }) => record)).toEqual(plain.map(({ record }) => record));
      }),
    );
  });
});

describe('an explanation depends on the row alone', () => {
  test('in batches and requests of any size, in any order', async () => {
    const limits = fc.record({
      rows: fc.integer({ min: 1, max: 9 }),
      bytes: fc.integer({ min: 1, max: 60 }),
      concurrent: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, limits, fc.nat(), async (tested, cut, seed) => {
        const { columns, rows, baseline } = tested;
        const sample = { ...sampleOf(columns, baseline), chosen: Math.ceil(baseline.length / 2) };
        const model = entangled(tested);
        const whole = await explained(explainer(regression(model), sample), rowsOf(columns, rows));
        const one = explainer(regression(model), sample, { limits: cut });
        const order = rows.map((_, i) => i).toSorted((a, b) => ((a * 7 + seed) % 5) - ((b * 7 + seed) % 5));
        for (const row of order) {
          const [found] = await explained(one, rowsOf(columns, [rows[row]!]));
          expect(found!.record).toBe(whole[row]!.record);
        }
      }),
    );
  });

  test('requests keep to their limits, and no copy is equal to its row', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (tested) => {
        const { columns, rows, baseline } = tested;
        const scorer = regression(entangled(tested));
        const limits = { rows: 5, bytes: 40, concurrent: 2 };
        const sample = sampleOf(columns, baseline);
        const { scorer: explaining, counters } = explainer(scorer, sample, { limits });
        const batch = rowsOf(columns, rows);
        await explaining.score(batch, new AbortController().signal);
        const copies = scorer.batches.filter(({ origin }) => origin.split === 'copies');
        for (const request of copies) {
          expect(request.rows).toBeLessThanOrEqual(limits.rows);
          if (request.rows > 1) expect(request.bytes.length).toBeLessThanOrEqual(limits.bytes);
        }
        const sent = copies.reduce((sum, request) => sum + request.rows, 0);
        expect(sent).toBeLessThanOrEqual(rows.length * baseline.length * (2 * columns.length - 1));
        expect(counters.rows).toBe(rows.length);
        if (rows.length === 1) {
          const own = Buffer.from(batch.row(0)).toString();
          for (const request of copies)
            for (let i = 0; i < request.rows; i += 1) expect(Buffer.from(request.row(i)).toString()).not.toBe(own);
        }
      }),
    );
  });
});
