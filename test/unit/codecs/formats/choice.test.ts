import { describe, expect, test } from 'vitest';
import { outputFormatOf } from '../../../../src/codecs/formats.ts';
import { schemaOf } from '../../../../src/core/schema.ts';
import { cellsOf, objectOf, type ReadOptions, readObject, writeObject } from './object-forms.ts';

const ROWS = [['1', 'a']];

async function read(text: string | Uint8Array, name: string, options: ReadOptions = {}): Promise<(string | null)[][]> {
  return cellsOf(await readObject(objectOf(Buffer.from(text), 64, name), options));
}

describe('the format of an object', () => {
  test('is told by the ending of its name, behind which that of a compression may stand', async () => {
    const json = '[{"id":1,"t":"a"}]';
    for (const name of ['x.jsonl', 'x.NDJSON', 'a.b/x.jsonl', 'x.jsonl.gz'])
      expect(await read('{"id":1,"t":"a"}\n', name)).toEqual(ROWS);
    expect(await read(json, 'x.json')).toEqual(ROWS);
    expect(await read('[\n1\n', 'x.csv')).toEqual([['1']]);
    expect(outputFormatOf('auto', 'out/scored.jsonl.zst')).toBe('jsonl');
    expect(outputFormatOf('auto', 's3://b/k/scored.avro')).toBe('avro');
    expect(outputFormatOf('auto', 'scored')).toBe('csv');
    expect(outputFormatOf('auto', 'a.json/scored.dat')).toBe('csv');
    expect(outputFormatOf('json', 'scored.csv')).toBe('json');
  });

  test('is told by the content where the name says nothing', async () => {
    const { bytes } = await writeObject('avro', schemaOf(['id', 't']), [ROWS]);
    for (const text of [
      bytes,
      '{"id":1,"t":"a"}',
      '\n {"id":1,"t":"a"}\n{"id":',
      '[{"id":1,"t":"a"}]',
      'id,t\n1,a\n',
      '{id},t\n1,a\n',
    ]) {
      const rows = read(text, 'object.txt');
      if (String(text).endsWith('{"id":')) await expect(rows).rejects.toMatchObject({ code: 'FORMAT_BROKEN' });
      else expect(await rows).toEqual(ROWS);
    }
    expect(await read('{\n "rows": [{"id":1,"t":"a"}]\n}', 'object', { jsonPath: 'rows' })).toEqual(ROWS);
    await expect(read('{\n "rows": [{"id":1}]\n}', 'object')).rejects.toMatchObject({
      message: expect.stringMatching(/arrays at rows.*jsonPath/) as unknown,
    });
  });

  test('is what the setting says, whatever the name', async () => {
    expect(await read('{"id":1,"t":"a"}\n', 'x.csv', { format: 'jsonl' })).toEqual(ROWS);
    expect(await read('id,t\n1,a\n', 'x.json', { format: 'csv' })).toEqual(ROWS);
  });
});
