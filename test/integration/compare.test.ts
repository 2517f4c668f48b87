import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { compareCommand } from '../../src/cli/commands/compare.ts';
import { exitCodeOf } from '../../src/cli/exit-codes.ts';
import type { CompareOptions } from '../../src/jobs/compare/compare-options.ts';
import { compareOutputs } from '../../src/jobs/compare/compare-outputs.ts';
import type { Comparison } from '../../src/jobs/compare/comparison.ts';

let root = '';
let folder = '';
let runs = 0;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'sluice-compare-'));
});
beforeEach(() => {
  folder = join(root, String(runs++));
  mkdirSync(folder);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

function compare(a: string, b: string, options: CompareOptions = {}): Promise<Comparison> {
  return compareOutputs(file('a.csv', a), file('b.csv', b), options);
}

/** The command as the command line runs it: what it prints, and its exit code. */
async function command(
  ...args: string[]
): Promise<{ readonly out: string; readonly code: number; readonly error: string }> {
  const out: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => out.push(String(text)) > 0);
  try {
    await compareCommand()
      .exitOverride()
      .configureOutput({ writeErr: () => undefined })
      .parseAsync(args, { from: 'user' });
    return { out: out.join(''), code: 0, error: '' };
  } catch (error) {
    return { out: out.join(''), code: exitCodeOf(error), error: String(error) };
  } finally {
    write.mockRestore();
  }
}

const CLASSES = 'y_PREDICTION,y_no_PREDICTION,y_yes_PREDICTION,id\n';

describe('comparing rows by their place', () => {
  test('tells how many changed, how the scores moved and which labels flipped', async () => {
    const found = await compare(
      `${CLASSES}no,0.9,0.1,1\nno,0.6,0.4,2\nyes,0.2,0.8,3\n,,,4\n`,
      `${CLASSES}no,0.9,0.1,1\nyes,0.4,0.6,2\nyes,0.1,0.9,3\nno,1,0,4\n`,
    );
    expect(found).toMatchObject({
      key: null,
      rows: { a: 4, b: 4, compared: 4, onlyInA: 0, onlyInB: 0 },
      changed: { rows: 3, share: 0.75 },
      differing: { rows: 3, share: 0.75 },
      columns: [
        { name: 'y_PREDICTION', changed: 2 },
        { name: 'y_no_PREDICTION', changed: 3 },
        { name: 'y_yes_PREDICTION', changed: 3 },
        { name: 'id', changed: 0 },
      ],
      labels: [
        {
          column: 'y_PREDICTION',
          rows: 2,
          share: 0.5,
          top: [
            { from: 'no', to: 'yes', rows: 1 },
            { from: null, to: 'no', rows: 1 },
          ],
        },
      ],
    });
    const yes = found.scores.find(({ column }) => column === 'y_yes_PREDICTION')!;
    expect(found.scores.map(({ column }) => column)).toEqual(['y_no_PREDICTION', 'y_yes_PREDICTION']);
    expect(yes).toMatchObject({ pairs: 3, onlyInA: 0, onlyInB: 1 });
    expect(yes.mean).toBeCloseTo(0.1);
    expect(yes.meanAbsolute).toBeCloseTo(0.1);
    expect(yes.max).toBeCloseTo(0.2, 12);
    expect(yes.p50! / 0.1).toBeCloseTo(1, 2);
  });

  test('takes numbers within the tolerance, however they are written, and text in quotes for the same', async () => {
    const a = 'p_PREDICTION,t\n0.30000000000000004,x\n1e-3,"y"\n5,"a ""b"""\n';
    const b = 'p_PREDICTION,t\n0.3,"x"\n0.001,y\n5.0,"a ""b"""\n';
    expect((await compare(a, b)).changed.rows).toBe(0);
    expect((await compare(a, b, { tolerance: 0 })).changed.rows).toBe(1);
    expect((await compare('p\n1\n', 'p\n1.4\n', { tolerance: 0.5 })).changed.rows).toBe(0);
  });

  test('tells a blank from an empty text, and long numbers that a double cannot', async () => {
    expect((await compare('id,t\n1,\n', 'id,t\n1,""\n')).changed.rows).toBe(1);
    expect((await compare('id\n9007199254740993\n', 'id\n9007199254740992\n')).changed.rows).toBe(1);
  });

  test('finds columns by name, whatever their order', async () => {
    const found = await compare('y_PREDICTION,id,c\n1,7,q\n2,8,r\n', 'c,y_PREDICTION,id\nq,1,7\nr,2.5,8\n');
    expect([found.changed.rows, found.scores[0]?.max]).toEqual([1, 0.5]);
  });

  test('takes a prediction column with text for a label, and one with numbers for a score', async () => {
    const found = await compare('y_PREDICTION\nred\nblue\n', 'y_PREDICTION\nred\ngreen\n');
    expect([found.scores, found.labels[0]?.rows]).toEqual([[], 1]);
    const same = await compare('y_PREDICTION\n1\n,\n'.replace(',', '""'), 'y_PREDICTION\n1\n""\n');
    expect(same.scores).toMatchObject([{ pairs: 1, mean: 0, p99: 0, max: 0 }]);
  });

  test('knows a label that is a number by its classes, also when those are not compared', async () => {
    const rows = 'y_PREDICTION,y_0_PREDICTION,y_1_PREDICTION\n';
    const found = await compare(`${rows}0,1,0\n`, `${rows}1,0,1\n`, { columns: ['y_PREDICTION'] });
    expect([found.scores, found.labels[0]?.top]).toEqual([[], [{ from: '0', to: '1', rows: 1 }]]);
  });

  test('looks at the columns that were named', async () => {
    const a = 'risk,grade,id\n0.5,B,1\n0.6,B,2\n';
    const b = 'risk,grade,extra\n0.5,A,x\n0.7,B,x\n';
    const found = await compare(a, b, { columns: ['risk', 'grade'], scores: ['risk'], label: 'grade' });
    expect(found.columns.map(({ name }) => name)).toEqual(['risk', 'grade']);
    expect([found.scores[0]?.pairs, found.labels[0]?.top]).toEqual([2, [{ from: 'B', to: 'A', rows: 1 }]]);
  });

  test('refuses other columns, unknown ones and other numbers of rows, and says what to do', async () => {
    await expect(compare('a,b\n1,2\n', 'a,c\n1,2\n')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/only .*a\.csv has "b".*only .*b\.csv has "c".*--columns/) as string,
    });
    await expect(compare('score\n1\n', 'score\n1\n', { columns: ['scroe'] })).rejects.toMatchObject({
      code: 'COLUMN_UNKNOWN',
      message: expect.stringMatching(/--columns names "scroe".*did you mean "score"/) as string,
    });
    await expect(compare('a\n1\n2\n3\n', 'a\n1\n2\n')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/3 rows.*2,.*--key/) as string,
    });
    await expect(compareOutputs(join(folder, 'no'), join(folder, 'no'))).rejects.toMatchObject({
      code: 'INTAKE_NOT_FOUND',
    });
  });

  test('reads gzip, zstd and folders of parts, in any sizes of batches', async () => {
    const rows = Array.from({ length: 30_000 }, (_, i) => `${i % 7},${i}\n`);
    const text = `y_PREDICTION,id\n${rows.join('')}`;
    mkdirSync(join(folder, 'parts'));
    for (let part = 0; part < 3; part += 1) {
      file(`parts/p${part}.csv`, `y_PREDICTION,id\n${rows.slice(part * 10_000, (part + 1) * 10_000).join('')}`);
      file(`parts/p${part}.csv.manifest.json`, '{}');
    }
    const gz = file('x.csv.gz', gzipSync(text));
    const zst = file('x.csv.zst', zstdCompressSync(text));
    const one = await compareOutputs(gz, zst);
    const two = await compareOutputs(join(folder, 'parts'), gz, { key: ['id'] });
    for (const found of [one, two]) {
      expect(found.rows.compared).toBe(30_000);
      expect(found.differing.rows).toBe(0);
      expect(found.scores[0]).toMatchObject({ pairs: 30_000, max: 0 });
    }
  });

  test('takes outputs without rows for equal ones', async () => {
    expect(await compare('a,b\n', 'a,b\n')).toMatchObject({ rows: { compared: 0 }, differing: { share: 0 } });
    await expect(compare('a,b\n', 'a,b\n1,2\n')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await compare('a,b\n', 'a,b\n1,2\n', { key: ['a'] })).toMatchObject({ rows: { b: 1, onlyInB: 1 } });
  });
});

describe('comparing rows by a key', () => {
  test('pairs them in any order, and tells what only one has', async () => {
    const found = await compare('id,y_PREDICTION\n1,5\n2,6\n3,7\n', 'y_PREDICTION,id\n7,3\n4,1\n9,9\n9,10\n', {
      key: ['id'],
    });
    expect(found).toMatchObject({
      key: ['id'],
      rows: { a: 3, b: 4, compared: 2, onlyInA: 1, onlyInB: 2 },
      changed: { rows: 1, share: 0.5 },
      differing: { rows: 4, share: 0.8 },
      columns: [{ name: 'y_PREDICTION', changed: 1 }],
      scores: [{ pairs: 2, mean: -0.5, meanAbsolute: 0.5, max: 1 }],
    });
  });

  test('may be of several columns', async () => {
    const found = await compare('a,b,v\nx,"y,z",1\n"x,y",z,2\n', 'v,b,a\n2,z,"x,y"\n1,"y,z",x\n', { key: ['a', 'b'] });
    expect(found).toMatchObject({ rows: { compared: 2 }, differing: { rows: 0 } });
  });

  test('refuses a key that is blank or not unique, with its row', async () => {
    const good = 'id,v\n1,1\n2,2\n';
    for (const [a, b, words] of [
      ['id,v\n1,1\n1,2\n', good, /Row 2 of .*a\.csv has the key 1/],
      [good, 'id,v\n1,1\n2,2\n1,3\n', /Row 3 of .*b\.csv has the key 1/],
      ['id,v\n1,1\n,2\n', good, /Row 2 of .*a\.csv has no value in "id"/],
    ] as const) {
      await expect(compare(a, b, { key: ['id'] })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(words) as string,
      });
    }
  });

  test('is bounded in memory, and says what to do', async () => {
    const rows = Array.from({ length: 1_000 }, (_, i) => `${i},${'x'.repeat(200)}\n`).join('');
    const text = `id,v\n${rows}`;
    await expect(compare(text, text, { key: ['id'], memoryBytes: 100_000 })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/--columns.*--memory/) as string,
    });
    expect((await compare(text, text, { key: ['id'], memoryBytes: 400_000 })).differing.rows).toBe(0);
  });
});

describe('the figures', () => {
  const cell = fc.option(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { freq: 8 });
  const text = (value: number | null): string => (value === null ? '' : String(value));

  test('are those of a plain calculation, by place and by key', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 60 }), async (pairs) => {
        const side = (which: 0 | 1): readonly string[] => pairs.map((pair, i) => `${text(pair[which])},${i}\n`);
        const a = `y_PREDICTION,id\n${side(0).join('')}`;
        const differences = pairs.flatMap(([x, y]) => (x === null || y === null ? [] : [y - x]));
        const sizes = differences.map(Math.abs).toSorted((x, y) => x - y);
        const changed = pairs.filter(([x, y]) => (x === null || y === null ? x !== y : Math.abs(y - x) > 1e-9)).length;
        const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
        for (const [b, key] of [
          [side(1), undefined],
          [side(1).toReversed(), ['id']],
        ] as const) {
          const found = await compare(a, `y_PREDICTION,id\n${b.join('')}`, key === undefined ? {} : { key });
          expect(found.changed.rows).toBe(changed);
          const shift = found.scores[0];
          expect(shift?.pairs ?? 0).toBe(sizes.length);
          if (shift === undefined || sizes.length === 0) continue;
          expect(shift.max).toBe(sizes.at(-1));
          const close = (x: number | null, y: number): void =>
            expect(Math.abs(x! - y)).toBeLessThanOrEqual(0.0051 * Math.abs(y) + 1e-300);
          close(shift.p50, sizes[Math.ceil(0.5 * sizes.length) - 1]!);
          close(shift.p95, sizes[Math.ceil(0.95 * sizes.length) - 1]!);
          expect(shift.mean! - mean(differences)).toBeCloseTo(0, 6);
          expect(shift.meanAbsolute! - mean(sizes)).toBeCloseTo(0, 6);
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('sluice compare', () => {
  test('prints for people, or one line of JSON', async () => {
    const a = file('a.csv', `${CLASSES}no,0.9,0.1,1\nno,0.6,0.4,2\n`);
    const b = file('b.csv', `${CLASSES}no,0.9,0.1,1\nyes,0.25,0.75,2\n`);
    const text = await command(a, b);
    expect(text.out.split('\n')).toEqual([
      `a  ${a}: 2 rows`,
      `b  ${b}: 2 rows`,
      '2 rows in both, paired by their place; 0 only in a, 0 only in b',
      '1 rows changed (50 %; numbers beyond 1e-9)',
      '  y_PREDICTION: 1',
      '  y_no_PREDICTION: 1',
      '  y_yes_PREDICTION: 1',
      'score y_no_PREDICTION: 2 pairs',
      '  b - a: mean -0.175  mean absolute 0.175  p50 0  p95 0.35  p99 0.35  max 0.35',
      'score y_yes_PREDICTION: 2 pairs',
      '  b - a: mean 0.175  mean absolute 0.175  p50 0  p95 0.35  p99 0.35  max 0.35',
      'label y_PREDICTION: 1 flipped (50 %)',
      '  no -> yes: 1',
      '',
    ]);
    const json = await command(a, b, '--json');
    expect(json.out.split('\n')).toHaveLength(2);
    expect(JSON.parse(json.out)).toEqual(await compareOutputs(a, b));
  });

  test('ends with 3 when more changed than it may, rows in only one among them; with 2 when they cannot be compared', async () => {
    const a = file('a.csv', 'y_PREDICTION,id\n1,1\n2,2\n3,3\n4,4\n');
    const b = file('b.csv', 'y_PREDICTION,id\n1,1\n2,2\n3,3\n5,4\n');
    const c = file('c.csv', 'y_PREDICTION,id\n1,1\n2,2\n3,3\n');
    expect(await command(a, b, '--fail-above', '0.25')).toMatchObject({ code: 0 });
    const failed = await command(a, b, '--fail-above', '0.2');
    expect(failed).toMatchObject({ code: 3, error: expect.stringContaining('1 rows (25 %)') as string });
    expect(failed.out).toContain('1 rows changed');
    expect(await command(a, c, '--key', 'id', '--fail-above', '0.2')).toMatchObject({ code: 3 });
    expect(await command(a, c)).toMatchObject({ code: 2, error: expect.stringContaining('--key') as string });
    expect((await command(a, b, '--fail-above', '2')).error).toContain('from 0 to 1');
    expect(await command(a, a, '--fail-above', '0')).toMatchObject({ code: 0 });
  });

  test('has help with examples', () => {
    let help = '';
    compareCommand()
      .configureOutput({ writeOut: (text) => (help += text) })
      .outputHelp();
    expect(help).toContain('sluice compare champion.csv challenger.csv');
    expect(help).toContain('Exit codes: 0 compared');
  });
});
