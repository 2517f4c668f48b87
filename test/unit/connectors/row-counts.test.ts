import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rowFindings } from '../../../connectors/sql/verify/row-counts.ts';
import type { WrittenRun } from '../../../connectors/sql/verify/written-run.ts';

const plain: WrittenRun = {
  output: 't',
  run: 'r',
  isFinished: true,
  kind: 'insert',
  rows: 10,
  staged: null,
  letters: 0,
  letterMark: { bytes: 0, digest: '' },
  runColumn: null,
  whole: true,
};

const run = fc.record({ rows: fc.nat(50), hasColumn: fc.boolean(), change: fc.integer({ min: -3, max: 3 }) });

test('rows that are missing or too many are found, whether they are counted by run or all together', () => {
  fc.assert(
    fc.property(fc.array(run, { minLength: 1, maxLength: 5 }), fc.boolean(), (given, whole) => {
      const changed = given.map((one) => ({ ...one, change: Math.max(one.change, -one.rows) }));
      const runs = changed.map(({ rows, hasColumn }, i) => ({
        ...plain,
        run: `r${i}`,
        rows,
        whole,
        runColumn: hasColumn ? 'c' : null,
      }));
      const byRun = new Map(changed.map(({ rows, change }, i) => [`r${i}`, rows + change]));
      const all = changed.reduce((sum, { rows, change }) => sum + rows + change, 0);
      const marked = changed.filter(({ hasColumn, change }) => hasColumn && change !== 0).length;
      const rest = changed.filter(({ hasColumn }) => !hasColumn);
      const together = rest.reduce((sum, { change }) => sum + change, 0);
      const { problems, unchecked } = rowFindings('t', runs, { all, byRun: new Map([['c', byRun]]) });
      expect(problems).toHaveLength(marked + (together < 0 || (whole && together > 0) ? 1 : 0));
      // What is not looked at is said.
      if (rest.length > 0 && !whole && together >= 0) expect(unchecked).toEqual([expect.stringMatching(/too many/)]);
      else expect(unchecked).toEqual([]);
    }),
  );
});

test.each([
  ['adds what it does not find', 'insert_update', 10, null],
  ['adds what it does not find', 'insert_update', 20, null],
  [
    'adds what it does not find',
    'insert_update',
    9,
    /9 rows, and the 2 runs of its ledger have written 10 or more: 1 is/,
  ],
  ['adds what it does not find', 'insert_update', 21, /written 20 at the most .*: 1 is too many/],
  ['only updates', 'update', 10, null],
  ['only updates', 'update', 11, /written 10 into what was an empty table: 1 is too many/],
] as const)('behind a run that %s (%s), %d rows are judged by their bounds', (_, kind, all, problem) => {
  const runs = [plain, { ...plain, run: 's', kind }];
  const { problems, unchecked } = rowFindings('t', runs, { all, byRun: new Map() });
  expect(problems).toEqual(problem === null ? [] : [expect.stringMatching(problem)]);
  expect(unchecked).toEqual([expect.stringMatching(/1 run of updates/)]);
});

test('rows that an update has given to its own run are not missed', () => {
  const runs = [
    { ...plain, runColumn: 'c' },
    { ...plain, run: 's', kind: 'update', runColumn: 'c' },
  ] as const;
  const byRun = new Map([['c', new Map([['s', 10]])]]);
  expect(rowFindings('t', runs, { all: 10, byRun }).problems).toEqual([]);
  expect(rowFindings('t', runs, { all: 8, byRun }).problems).toEqual([expect.stringMatching(/2 are missing/)]);
});

test('of updates alone no row is counted', () => {
  const runs = [{ ...plain, kind: 'update', whole: false }] as const;
  expect(rowFindings('t', runs, { all: 0, byRun: new Map() })).toMatchObject({ problems: [], checked: [] });
  const added = [{ ...plain, kind: 'insert_update' }] as const;
  expect(rowFindings('t', added, { all: 0, byRun: new Map() }).problems).toEqual([expect.stringMatching(/missing/)]);
});
