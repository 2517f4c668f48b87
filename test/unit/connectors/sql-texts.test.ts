import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { behindKey, keyRanges } from '../../../connectors/sql/key-ranges.ts';
import { rowOfLine } from '../../../connectors/sql/postgres/copied-rows.ts';
import { postgresDialect } from '../../../connectors/sql/postgres/postgres-dialect.ts';
import { hasOwnOrder, plainQuery } from '../../../connectors/sql/query-text.ts';
import type { ReadPlan } from '../../../connectors/sql/read-plan.ts';
import { RowChunk, runTail } from '../../../connectors/sql/row-chunk.ts';
import type { SqlColumn } from '../../../connectors/sql/sql-column.ts';
import { sampledTypes } from '../../../connectors/sql/value-types.ts';
import { encodeRecords } from '../../../src/core/canonical-csv.ts';

test.each([
  ['SELECT * FROM t ORDER BY a', true],
  ['select a from t order\n by a desc limit 5', true],
  ['SELECT * FROM t', false],
  ['SELECT * FROM (SELECT * FROM t ORDER BY a) q', false],
  ["SELECT 'ORDER BY x' FROM t", false],
  ['SELECT "order by" FROM t', false],
  ['SELECT a FROM t -- ORDER BY a', false],
  ['SELECT a FROM t /* ORDER BY a */', false],
  ['SELECT row_number() OVER (ORDER BY a) FROM t', false],
  ['SELECT row_number() OVER (ORDER BY a) FROM t ORDER BY (a)', true],
  ['SELECT $$ ORDER BY $$ FROM t', false],
])('whether %j has an order of its own: %s', (query, wanted) => {
  expect(hasOwnOrder(query)).toBe(wanted);
});

test('semicolons at the end of a query are no part of it', () => {
  expect(plainQuery(' SELECT 1 ; ;\n')).toBe('SELECT 1');
});

const id: SqlColumn = { name: 'id', type: 'integer', declared: 'bigint', holdsEmptyText: false, writable: true };

describe('ranges of a key', () => {
  const plan = (first: bigint, last: bigint, rows: number): ReadPlan => ({
    name: 't',
    from: { table: { catalog: null, schema: null, name: 't' } },
    columns: [id],
    key: [id],
    ordered: true,
    bounds: { rows, first: String(first), last: String(last) },
  });

  test('hold every key once, in order, whatever the bounds', () => {
    const key = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(
        fc.uniqueArray(key, { minLength: 2, maxLength: 40 }),
        fc.integer({ min: 1, max: 10 }),
        (keys, size) => {
          const sorted = keys.toSorted((a, b) => (a < b ? -1 : 1));
          const ranges = keyRanges(plan(sorted[0]!, sorted.at(-1)!, keys.length), size, postgresDialect);
          expect(new Set(ranges.map((range) => range.id)).size).toBe(ranges.length);
          const found = ranges.flatMap(({ where }) => {
            if (where === null) return sorted;
            const [from, to] = [...where.matchAll(/E'(-?\d+)'/g)].map(([, text]) => BigInt(text!));
            return sorted.filter((one) => one >= from! && one < to!);
          });
          expect(found).toEqual(sorted);
        },
      ),
    );
  });

  test('are one where the key is no whole number, or there is no row', () => {
    expect(keyRanges({ ...plan(1n, 9n, 9), key: [{ ...id, type: 'string' }] }, 2, postgresDialect)).toHaveLength(1);
    expect(
      keyRanges({ ...plan(1n, 9n, 0), bounds: { rows: 0, first: null, last: null } }, 2, postgresDialect),
    ).toHaveLength(1);
  });

  test('a key of several columns is compared column by column where rows cannot be', () => {
    const dialect = { ...postgresDialect, comparesRows: false };
    const text = { ...id, name: 'n', type: 'string', declared: 'text' } as const;
    expect(behindKey([id, text], ['1', "it's\\"], dialect)).toBe(
      `(("id" > CAST(E'1' AS bigint)) OR ("id" = CAST(E'1' AS bigint) AND "n" > CAST(E'it''s\\\\' AS text)))`,
    );
  });
});

test('the types of a new table are the narrowest that take all values, and never change them', () => {
  const cases: readonly (readonly [string, readonly (string | null)[]])[] = [
    ['integer', ['1', '-20', null, '0']],
    ['number', ['1', '0.5', '-3e10']],
    ['boolean', ['true', 'false', null]],
    ['date', ['2001-01-31', '2024-02-29']],
    ['local-timestamp-micros', ['2001-01-31T00:01:02', '2001-01-31 23:59:59.123']],
    ['string', ['007', '1']],
    ['string', ['1', 'x']],
    ['string', ['', '1']],
    ['string', [null, null]],
    ['string', ['True', 'False']],
    ['string', ['2001-01-31T00:01:02Z']],
    ['string', ['12345678901234567890123.5']],
    ['string', ['2001-13-01']],
    ['string', ['2001-01-31', '2001-02-29']],
    ['string', ['0000-01-01']],
    ['string', ['2001-01-31T00:01:02', '2001-04-31T00:01:02']],
    ['string', ['NaN', '1']],
  ];
  for (const [type, values] of cases)
    expect(sampledTypes(encodeRecords(values.map((value) => [value, 'x'])), 2), values.join()).toEqual([
      type === 'local-timestamp-micros' ? { type: 'string', exact: type } : { type },
      { type: 'string' },
    ]);
});

const cell = fc.option(fc.constantFrom('', 'a', '1', 'two\nlines', 'say "no"', 'a,b', '\n\n', 'é'), { nil: null });
const records = fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 20 });

test('the row that the server names by a line is found, whatever lines the fields hold', () => {
  fc.assert(
    fc.property(records, (rows) => {
      const encoded = encodeRecords(rows);
      for (const [row, end] of encoded.ends.entries()) {
        const line = [...encoded.bytes.subarray(0, end)].filter((byte) => byte === 0x0a).length;
        expect(rowOfLine(encoded, line)).toBe(row);
      }
    }),
  );
});

test('a chunk gives back the rows that it was given, each with the tail, and says where each came from', () => {
  fc.assert(
    fc.property(fc.array(records, { minLength: 1, maxLength: 4 }), fc.boolean(), (batches, tailed) => {
      const chunk = new RowChunk(tailed ? runTail('run-1') : new Uint8Array(0));
      let row = 100;
      for (const batch of batches) {
        chunk.add(encodeRecords(batch), { split: 's', firstRow: row });
        row += batch.length;
      }
      const wanted = batches.flat().map((record) => (tailed ? [...record, 'run-1'] : record));
      expect(chunk.slice(0, chunk.count)).toEqual(encodeRecords(wanted));
      for (const [index, record] of wanted.entries()) {
        expect(chunk.slice(index, index + 1)).toEqual(encodeRecords([record]));
        expect(chunk.originOf(index)).toEqual({ split: 's', row: 100 + index });
      }
    }),
  );
});
