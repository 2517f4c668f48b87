import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCsvCodec } from '../../../src/codecs/csv/csv-codec.ts';
import { defaultCsvSettings } from '../../../src/codecs/csv/csv-settings.ts';
import { encodingOf } from '../../../src/codecs/text/encoding.ts';
import { TextReader } from '../../../src/codecs/text/text-reader.ts';
import { encodeText } from '../../../src/codecs/text/text-writer.ts';
import { Utf8Watch } from '../../../src/codecs/text/utf8-watch.ts';
import type { RowBatch } from '../../../src/core/row-batch.ts';

/** Encodings with bytes that stand for nothing behind any character, and such bytes. */
const BROKEN: Readonly<Record<string, readonly number[]>> = {
  'utf-8': [0xff],
  ascii: [0xff],
  'utf-16le': [0x00, 0xdc],
  'utf-16be': [0xdc, 0x00],
  'iso-8859-7': [0xff],
  shift_jis: [0xff],
  'euc-jp': [0xff],
  'euc-kr': [0xff],
  big5: [0x81, 0x20],
};
const texts = fc.string({
  unit: fc.constantFrom('a', '1', ',', '\n', 'é', 'я', '日', '本', '語', 'ー'),
  maxLength: 30,
});

/** The text before the broken bytes without what the encoding does not have. */
function encodable(text: string, name: string): { readonly text: string; readonly bytes: Uint8Array } {
  const kept = Array.from(text).filter((character) => {
    try {
      return encodeText(character, encodingOf(name)).length > 0;
    } catch {
      return false;
    }
  });
  const sound = kept.join('');
  return { text: sound, bytes: encodeText(sound, encodingOf(name)) };
}

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length]!;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

describe('bytes that do not fit the encoding', () => {
  test.each(Object.keys(BROKEN))('are found at their place in %s, however the data is cut', (name) => {
    fc.assert(
      fc.property(
        texts,
        texts,
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
        (before, behind, sizes) => {
          const good = encodable(before, name);
          const data = Buffer.concat([good.bytes, Buffer.from(BROKEN[name]!), encodable(behind, name).bytes]);
          const reader = new TextReader(encodingOf(name));
          let text = '';
          for (const chunk of cut(data, sizes)) if (!reader.broken) text += reader.read(chunk);
          if (!reader.broken) text += reader.finish();
          expect(text).toBe(good.text);
          expect(reader.brokenAt).toBe(good.bytes.length);
        },
      ),
    );
  });

  test('are found where a character is cut off at the end', () => {
    for (const [name, text] of [
      ['utf-8', 'aé日'],
      ['utf-16le', 'a日'],
      ['shift_jis', 'a日'],
      ['euc-kr', 'a日'],
    ] as const) {
      const whole = encodeText(text, encodingOf(name));
      const last = encodeText('日', encodingOf(name)).length;
      for (const size of [1, 2, 50]) {
        const reader = new TextReader(encodingOf(name));
        for (const chunk of cut(whole.subarray(0, -1), [size])) reader.read(chunk);
        reader.finish();
        expect([name, size, reader.brokenAt]).toEqual([name, size, whole.length - last]);
      }
    }
  });

  test('are found in UTF-8 that is not decoded, a cut off character at its first byte', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 20 }),
        fc.constantFrom([0xff], [0xc3, 0x28], [0xe2, 0x82], [0xf0, 0x9f, 0x98], [0xed, 0xa0, 0x80], []),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
        (before, bad, sizes) => {
          const good = Buffer.from(before.toWellFormed());
          const watch = new Utf8Watch(100);
          for (const chunk of cut(Buffer.concat([good, Buffer.from(bad)]), sizes)) watch.see(chunk);
          watch.finish();
          expect(watch.brokenAt).toBe(bad.length === 0 ? null : 100 + good.length);
        },
      ),
    );
  });

  test('are named in CSV with line and byte, also behind a position', async () => {
    const data = Buffer.concat([
      Buffer.from('id,note\r\n1,é\r\n\r\n2,"x\ny"\r\n3,'),
      Buffer.of(0xe9),
      Buffer.from('\r\n'),
    ]);
    const codec = createCsvCodec(defaultCsvSettings);
    const limits = { rows: 1, bytes: 100, lingerMs: Number.POSITIVE_INFINITY };
    const { signal } = new AbortController();
    async function* from(offset: number): AsyncGenerator<Uint8Array> {
      yield data.subarray(offset);
    }
    const batches: RowBatch[] = [];
    const failure = async (): Promise<void> => {
      for await (const batch of codec.decode(from(0), { split: 's.csv', after: null, limits }, null, signal))
        batches.push(batch);
    };
    await expect(failure()).rejects.toMatchObject({
      code: 'INTAKE_ENCODING',
      message: expect.stringMatching(/^s\.csv line 6 is not valid utf-8 at byte 28\./) as unknown,
    });
    const [first] = batches;
    const after = first!.origin.position;
    const rest = async (): Promise<void> => {
      const context = { split: 's.csv', after, limits };
      for await (const batch of codec.decode(from(codec.offset(after)), context, first!.schema, signal))
        batches.push(batch);
    };
    await expect(rest()).rejects.toMatchObject({
      message: expect.stringContaining('at byte 28') as unknown,
    });
  });
});
