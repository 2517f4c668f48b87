import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DividedFile, dividedRows } from '../../../../src/codecs/partitions/divided-rows.ts';
import { PartitionKeys } from '../../../../src/codecs/partitions/partition-keys.ts';
import { decodeRecord, encodeRecords } from '../../../../src/core/canonical-csv.ts';

const COLUMNS = ['a', 'key', 'b', 'more'];
const LIMITS = { groupBytes: 40, fileBytes: 100, gatheredBytes: 250 };

type Row = readonly (string | null)[];

function keysOf(partitionColumns: readonly string[], columns = COLUMNS): PartitionKeys {
  return new PartitionKeys({ partitionColumns, columns, prefix: 'out/', nearest: (_, all) => all.slice(0, 1) });
}

async function divided(rows: readonly Row[], batchRows: number): Promise<DividedFile[]> {
  async function* batches() {
    for (let at = 0; at < rows.length; at += batchRows)
      yield { ...encodeRecords(rows.slice(at, at + batchRows)), release: () => undefined };
  }
  const files: DividedFile[] = [];
  for await (const file of dividedRows(batches(), keysOf(['key', 'more']), COLUMNS.length, LIMITS)) files.push(file);
  return files;
}

function recordsOf({ groups }: DividedFile): Row[] {
  return groups.flatMap(({ bytes, ends }) =>
    Array.from(ends, (end, i) => decodeRecord(bytes, i === 0 ? 0 : ends[i - 1]!, end)),
  );
}

const text = fc.option(fc.string({ maxLength: 12 }), { nil: null });
const key = fc.constantFrom(null, '', 'x', '"', 'a,b', 'l\nf');

test('each row is in one file of its partition, in order, however the rows come in batches', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(text, key, text, key), { maxLength: 120 }),
      fc.integer({ min: 1, max: 40 }),
      async (rows, batchRows) => {
        const files = await divided(rows, batchRows);
        expect(await divided(rows, 1_000)).toEqual(files);
        const pathOf = (row: Row): string => {
          const { bytes, ends } = encodeRecords([[row[1] ?? null, row[3] ?? null, 'r']]);
          const only = keysOf(['key', 'more'], ['key', 'more', 'rest']);
          only.look({ bytes, ends });
          return [...only.paths][0]!;
        };
        const wanted = Map.groupBy(rows, pathOf);
        const found = Map.groupBy(files, ({ path }) => path);
        expect([...found.keys()].toSorted()).toEqual([...wanted.keys()].toSorted());
        for (const [path, of] of found) {
          expect(of.map(({ number }) => number)).toEqual(of.map((_, i) => i));
          expect(of.flatMap(recordsOf)).toEqual(wanted.get(path)!.map(([a, , b]) => [a, b]));
          for (const file of of) {
            expect(file.rows).toBe(recordsOf(file).length);
            expect(file.rows).toBeGreaterThan(0);
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('what is gathered is bounded: the largest partition gets a file first', async () => {
  const rows = Array.from({ length: 60 }, (_, i): Row => ['x'.repeat(10), `k${i % 7 === 0 ? i : 'often'}`, null, null]);
  const [first] = await divided(rows, 5);
  expect(first).toMatchObject({ path: 'key=koften/more=__HIVE_DEFAULT_PARTITION__', number: 0 });
});

test('a column that is not there is named with the nearest one', () => {
  expect(() => keysOf(['kye'])).toThrow(/names "kye", which the output does not have; did you mean "a"\?/);
});

test('an output of nothing but partition columns is refused', () => {
  expect(() => keysOf(['key'], ['key'])).toThrow(/Leave one out/);
});

test('too many partitions are refused by the columns, counted over continuations', () => {
  const values = (from: number, to: number) =>
    encodeRecords(Array.from({ length: to - from }, (_, i) => ['', `v${from + i}`, '', '']));
  const options = { partitionColumns: ['key'], columns: COLUMNS, prefix: '', nearest: () => [] };
  const first = new PartitionKeys(options);
  first.look(values(0, 1_000));
  first.look(values(0, 1_000));
  const next = new PartitionKeys(options, [...first.paths]);
  next.look(values(500, 1_000));
  expect(() => next.look(values(1_000, 1_001))).toThrow(/more than 1000 partitions.*"key"/);
});

test('a value that makes no name of a folder is refused by its column', () => {
  const { bytes, ends } = encodeRecords([['', '☂'.repeat(100), '', '']]);
  expect(() => keysOf(['key']).look({ bytes, ends })).toThrow(/"key" makes a folder of 304 bytes/);
  const long = encodeRecords([['x'.repeat(240), 'y'.repeat(240), 'z'.repeat(240), 'w'.repeat(240)]]);
  expect(() => keysOf(COLUMNS, [...COLUMNS, 'rest']).look(long)).toThrow(/has a path of \d+ bytes/);
});
