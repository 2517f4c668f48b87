import { describe, expect, test } from 'vitest';
import { defaultCsvSettings } from '../../../../src/codecs/csv/csv-settings.ts';
import type { ReadableObject } from '../../../../src/codecs/object-format.ts';
import { columnNames } from '../../../../src/core/schema.ts';
import { cellsOf, objectOf, type ReadOptions, readObject } from './object-forms.ts';

const NESTED = `{
  "made": "2026-01-02", "tags": ["a", "b"], "size": 2, "ok": true,
  "data": {"note": "rows: [", "rows": [
    {"id": 9007199254740993, "x": 0.10, "who": {"name": "Zoë \\ud83d\\ude00", "n": [1e2, null]}},
    {"id": -1, "x": null, "s": "line\\nline"}
  ], "more": [{"id": 7}]},
  "data/b": [{"q": 1}]
}`;

async function read(text: string | Uint8Array, options: ReadOptions = {}): Promise<(string | null)[][]> {
  return cellsOf(
    await readObject(objectOf(Buffer.from(text), text.length > 10_000 ? 50_000 : 5), { format: 'json', ...options }),
  );
}

describe('a JSON document', () => {
  test('is an array of rows, or has one at a path: numbers keep their digits, what is nested is JSON text', async () => {
    const rows = [
      ['9007199254740993', '0.10', '{"name":"Zoë 😀","n":[1e2,null]}', null],
      ['-1', null, null, 'line\nline'],
    ];
    for (const jsonPath of ['data.rows', '$.data.rows', '/data/rows']) {
      const batches = await readObject(objectOf(Buffer.from(NESTED), 4), { format: 'json', jsonPath });
      expect(cellsOf(batches)).toEqual(rows);
      expect(columnNames(batches[0]!.schema)).toEqual(['id', 'x', 'who', 's']);
    }
    expect(await read(NESTED, { jsonPath: '/data~1b' })).toEqual([['1']]);
    expect(await read('[[{"a":1}],[{"a":2}]]', { jsonPath: '1' })).toEqual([['2']]);
    expect(await read('\ufeff [ {"a": "x"} , {"a": ""} ] ')).toEqual([['x'], ['']]);
    expect(await read('[]')).toEqual([]);
  });

  test('is continued at any row', async () => {
    const text = Buffer.from(JSON.stringify(Array.from({ length: 20 }, (_, i) => ({ i, t: `é${i}` }))));
    const batches = await readObject(objectOf(text, 9), { format: 'json', rows: 1 });
    expect(batches.every(({ origin }) => origin.lines === undefined)).toBe(true);
    for (const [i, { origin }] of batches.entries()) {
      const rest = await readObject(objectOf(text, 9), { format: 'json', rows: 1, after: origin.position });
      expect(rest.map(({ origin }) => origin)).toEqual(batches.slice(i + 1).map(({ origin }) => origin));
    }
  });

  test('without an array where one should be is refused, and the message shows where arrays are', async () => {
    const cases: readonly [string, string | null, RegExp][] = [
      [
        NESTED,
        null,
        /no array at the document itself\. It has arrays at tags, data\.rows, data\.more, \/data~1b\. Set intakeSettings\.jsonPath/,
      ],
      [NESTED, 'data.row', /no array at data\.row\. It has arrays at/],
      [NESTED, 'data', /at data stands an object, and no array of rows/],
      [NESTED, 'size', /at size stands a single value/],
      ['3', null, /at the document itself stands a single value/],
      ['[1]', null, /element 1 of the array .* is no object/],
      ['[{"a":1},[2]]', null, /element 2 of the array/],
      [NESTED.slice(0, -3), 'data.rows', /ends within the document, behind element 2/],
      ['[{"a":1},{"a":2}', null, /ends within the document, behind element 2/],
      ['[{"a":1},{"a":}]', null, /no sound JSON behind element 1, at characters \d+ to \d+: .*expected a value/],
    ];
    for (const [text, jsonPath, message] of cases) {
      await expect(read(text, { jsonPath }), text).rejects.toMatchObject({
        code: 'FORMAT_BROKEN',
        message: expect.stringMatching(message) as unknown,
      });
    }
    await expect(read('')).rejects.toMatchObject({ code: 'INTAKE_EMPTY' });
    await expect(read('[]', { jsonPath: 'a..b' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('in another encoding is read; one that does not fit its encoding is refused with the byte', async () => {
    const csv = { ...defaultCsvSettings, encoding: 'latin_1' };
    expect(await read(Buffer.from('[{"ä":"ö"}]', 'latin1'), { csv })).toEqual([['ö']]);
    const bad = Buffer.from('[{"ä":"ö"}]', 'latin1');
    await expect(read(bad)).rejects.toMatchObject({
      code: 'INTAKE_ENCODING',
      message: expect.stringContaining('is not valid utf-8 at byte 3') as unknown,
    });
  });

  test('with an element longer than a record may be is refused before it fills the memory', async () => {
    const csv = { ...defaultCsvSettings, maxRecordBytes: 100 };
    await expect(read(`[{"a":1},{"a":"${'x'.repeat(500)}"}]`, { csv })).rejects.toMatchObject({
      code: 'CSV_RECORD_TOO_LARGE',
      message: expect.stringContaining('element 2') as unknown,
    });
  });

  test.each(['[', '{"a":'])('of brackets that are never closed (%s) is refused as soon as it is read', async (open) => {
    // Looked at for all that are open before it, each of them took hours.
    await expect(read(open.repeat(500_000))).rejects.toMatchObject({ code: 'FORMAT_BROKEN' });
  });

  test('may have a value of any length beside its rows: no more than a piece of it is kept', async () => {
    const piece = Buffer.alloc(64 * 1024, 'x');
    const before = process.memoryUsage().rss;
    let most = 0;
    const object: ReadableObject = {
      ...objectOf(Buffer.alloc(0)),
      async *read() {
        yield Buffer.from('{"note":"');
        for (let pieces = 0; pieces < 2000; pieces += 1) {
          most = Math.max(most, process.memoryUsage.rss() - before);
          yield piece;
        }
        yield Buffer.from('","rows":[{"a":1}]}');
      },
    };
    expect(cellsOf(await readObject(object, { format: 'json', jsonPath: 'rows' }))).toEqual([['1']]);
    expect(most).toBeLessThan(100 * 1024 * 1024);
  });
});
