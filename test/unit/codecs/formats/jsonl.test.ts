import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultCsvSettings } from '../../../../src/codecs/csv/csv-settings.ts';
import { JsonlDecoder } from '../../../../src/codecs/jsonl/jsonl-decoder.ts';
import { LineBuffer } from '../../../../src/codecs/jsonl/line-buffer.ts';
import { encodingOf } from '../../../../src/codecs/text/encoding.ts';
import { columnNames } from '../../../../src/core/schema.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { cellsOf, never, objectOf, type ReadOptions, readObject } from './object-forms.ts';

const csv = defaultCsvSettings;

async function read(text: string | Uint8Array, options: ReadOptions = {}): Promise<(string | null)[][]> {
  return cellsOf(
    await readObject(objectOf(Buffer.from(text), text.length > 10_000 ? 50_000 : 5), { format: 'jsonl', ...options }),
  );
}

describe('JSON Lines', () => {
  test('give columns in the order in which the first rows have them, null where a row lacks one', async () => {
    const batches = await readObject(objectOf(Buffer.from('{"b":1}\n{"a":"x","b":null}\n{"c":[1,{"d":"e"}]}\n')), {
      format: 'jsonl',
    });
    expect(columnNames(batches[0]!.schema)).toEqual(['b', 'a', 'c']);
    expect(cellsOf(batches)).toEqual([
      ['1', null, null],
      [null, 'x', null],
      [null, null, '[1,{"d":"e"}]'],
    ]);
  });

  test('keep the text of numbers, and tell null from the empty string', async () => {
    expect(await read('{"a":9007199254740993,"b":0.10,"c":-0,"d":1E400,"e":"","f":null,"g":"007","h":true}')).toEqual([
      ['9007199254740993', '0.10', '-0', '1E400', '', null, '007', 'true'],
    ]);
  });

  test('may have a byte order mark, CR LF, blank lines, and no line end at their end', async () => {
    expect(await read('\ufeff\r\n{"a":1}\r\n\n  \n{"a":2}')).toEqual([['1'], ['2']]);
    const [first, second] = await readObject(objectOf(Buffer.from('\n{"a":1}\n\n{"a":2}')), {
      format: 'jsonl',
      rows: 1,
    });
    expect([first!.origin.lines![0], second!.origin.lines![0]]).toEqual([2, 4]);
    expect(second!.origin.position).toEqual({ offset: 17, row: 2, line: 5 });
  });

  test('of objects without fields are rows of nulls where columns are known', async () => {
    expect(await read('{"a":1,"b":2}\n{}\n')).toEqual([
      ['1', '2'],
      [null, null],
    ]);
    await expect(read('{}\n')).rejects.toMatchObject({ code: 'FORMAT_COLUMNS' });
  });

  test('with a field that the first rows do not have are refused, naming line and field, unless columns are named', async () => {
    const text = `${'{"a":1}\n'.repeat(140_000)}{"a":2,"later":3}\n`;
    const refused = read(text, { rows: 10_000 });
    await expect(refused).rejects.toMatchObject({
      code: 'FORMAT_COLUMNS',
      message: expect.stringMatching(
        /^object line 140001 \(from byte 1120000\): the field "later" .*intakeSettings\.columns/,
      ) as unknown,
    });
    const rows = await read(text, { rows: 100_000, columns: ['later', 'a'] });
    expect(rows.at(-1)).toEqual(['3', '2']);
    expect(rows[0]).toEqual([null, '1']);
    const skipped = await readObject(objectOf(Buffer.from(text), 65_536), {
      format: 'jsonl',
      rows: 200_000,
      csv: { ...csv, raggedRows: 'skip' },
    });
    expect(skipped.flatMap(({ origin }) => origin.rejected.map(({ line }) => line))).toEqual([140_001]);
  });

  test('come out up to a broken one, which is named with its line and byte', async () => {
    const reader = readObject(objectOf(Buffer.from('{"a":1}\n{"a":2}\n{"a":}\n{"a":4}\n')), { format: 'jsonl' });
    await expect(reader).rejects.toMatchObject({
      code: 'FORMAT_BROKEN',
      message: expect.stringMatching(/^object line 3 \(from byte 16\): .*byte 5 where a value is expected/) as unknown,
    });
    const batches = await readObject(objectOf(Buffer.from('{"a":1}\n[2]\nnonsense\n{"a":4}\n')), {
      format: 'jsonl',
      csv: { ...csv, raggedRows: 'skip' },
    });
    expect(cellsOf(batches)).toEqual([['1'], ['4']]);
    expect(
      batches.flatMap(({ origin }) => origin.rejected.map(({ line, bytes }) => [line, String(Buffer.from(bytes))])),
    ).toEqual([
      [2, '[2]'],
      [3, 'nonsense'],
    ]);
  });

  test('that are not valid in their encoding are refused with the byte', async () => {
    const bad = Buffer.concat([Buffer.from('{"a":"é"}\n{"a":"x'), Buffer.of(0xff), Buffer.from('"}\n')]);
    await expect(read(bad)).rejects.toMatchObject({
      code: 'INTAKE_ENCODING',
      message: expect.stringContaining('object line 2 is not valid utf-8 at byte 18') as unknown,
    });
    const cut = Buffer.from('{"a":"é').subarray(0, -1);
    await expect(read(cut)).rejects.toMatchObject({
      code: 'INTAKE_ENCODING',
      message: expect.stringContaining('at byte 6') as unknown,
    });
  });

  test('in another encoding are read, and continued', async () => {
    for (const [encoding, bytes] of [
      ['latin_1', Buffer.from('{"é":"ü"}\n{"é":"ß"}\n', 'latin1')],
      ['utf-16', Buffer.from('\ufeff{"é":"ü"}\n{"é":"ß"}\n', 'utf16le')],
      // Without a line end at their end.
      ['latin_1', Buffer.from('{"é":"ü"}\n{"é":"ß"}', 'latin1')],
      ['utf-8', Buffer.from('{"é":"ü"}\n{"é":"ß"}')],
    ] as const) {
      const options = { format: 'jsonl', rows: 1, csv: { ...csv, encoding } } as const;
      const batches = await readObject(objectOf(bytes, 3), options);
      expect(cellsOf(batches)).toEqual([['ü'], ['ß']]);
      const rest = await readObject(objectOf(bytes, 3), { ...options, after: batches[0]!.origin.position });
      expect(cellsOf(rest)).toEqual([['ß']]);
      const { position } = batches[1]!.origin;
      expect(await readObject(objectOf(bytes, 3), { ...options, after: position })).toEqual([]);
    }
  });

  test('longer than a record may be are refused before they fill the memory', async () => {
    const settings = { ...csv, maxRecordBytes: 100 };
    await expect(read(`{"a":1}\n{"a":"${'x'.repeat(500)}"}`, { csv: settings })).rejects.toMatchObject({
      code: 'CSV_RECORD_TOO_LARGE',
      message: expect.stringContaining('line 2') as unknown,
    });
  });

  test('that are long are looked through once: a search ends with what is there, however large the buffer is', () => {
    const lines = new LineBuffer(0);
    for (let chunks = 1; chunks < 200; chunks += 1) {
      lines.append(Buffer.alloc(10_000, 0x78));
      expect(lines.endOf(0)).toBe(-1);
      expect(lines.bytes.indexOf(0x0a)).toBe(10_000 * chunks);
    }
    lines.finish();
    expect(lines.endOf(0)).toBe(1_990_000);
    expect(lines.offset).toBe(0);
  });

  test('keep to the limits of a batch in bytes, unless it is a single row', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ maxLength: 30 }), { minLength: 1, maxLength: 20 }), async (texts) => {
        const lines = Buffer.from(texts.map((a) => `${JSON.stringify({ a })}\n`).join(''));
        const batches = await readObject(objectOf(lines, 11), { format: 'jsonl', rows: 1000, bytes: 40 });
        for (const batch of batches) expect(batch.rows === 1 || batch.bytes.length <= 40).toBe(true);
        expect(cellsOf(batches)).toEqual(texts.map((a) => [a.toWellFormed()]));
      }),
      { numRuns: 60 },
    );
  });

  test('of a slow stream come out after the linger time, also while its columns are looked for', async () => {
    const clock = new ManualClock();
    const gate = Promise.withResolvers<void>();
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('{"a":1}\n');
      await gate.promise;
      yield Buffer.from('{"a":2}\n');
    }
    const settings = {
      encoding: encodingOf('utf-8'),
      columns: null,
      badRows: 'fail',
      maxRecordBytes: 1000,
      unit: 'line',
    } as const;
    const limits = { rows: 10, bytes: 1000, lingerMs: 50 };
    const batches = new JsonlDecoder(settings, { split: 's', after: null, limits }, clock).batches(slow(), null, never);
    const first = batches.next();
    // Once for the columns, and once for the batch.
    for (let i = 0; i < 2; i += 1) {
      await clock.asleep();
      clock.advance(50);
    }
    expect(cellsOf([(await first).value!])).toEqual([['1']]);
    gate.resolve();
    expect(cellsOf([(await batches.next()).value!])).toEqual([['2']]);
  });
});
