import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formFile } from '../../../src/server/multipart.ts';

const BOUNDARY = 'a-boundary';
const TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

/** The bytes in chunks of these lengths, the last one again and again. */
async function* cut(bytes: Uint8Array, lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const length = lengths[Math.min(turn, lengths.length - 1)]!;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

function form(file: Uint8Array, { name = 'rows.csv', before = '', after = '' } = {}): Buffer {
  const head = `content-disposition: form-data; name="file"; filename="${name}"\r\ncontent-type: text/csv`;
  return Buffer.concat([
    Buffer.from(`${before}--${BOUNDARY}\r\n${head}\r\n\r\n`),
    file,
    Buffer.from(`\r\n${after}--${BOUNDARY}--\r\n`),
  ]);
}

async function read(body: Uint8Array, lengths: readonly number[] = [7], type = TYPE): Promise<[string, Buffer]> {
  const { name, body: file } = await formFile(type, cut(body, lengths));
  const parts: Buffer[] = [];
  for await (const part of file) parts.push(Buffer.from(part));
  return [name, Buffer.concat(parts)];
}

const field = (name: string, value: string): string =>
  `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;

/** Bytes that look like the boundary now and then. */
const hostile = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc
        .constantFrom('\r', '\n', '\r\n', '\r\n--', `--${BOUNDARY}`, `\r\n--${BOUNDARY.slice(0, 4)}`)
        .map((text) => Buffer.from(text)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts))
  .filter((bytes) => !bytes.includes(`\r\n--${BOUNDARY}`));

describe('the file of a form', () => {
  test('has the bytes that were sent, wherever they were cut and whatever stands around them', async () => {
    await fc.assert(
      fc.asyncProperty(
        hostile,
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }),
        fc.boolean(),
        async (file, lengths, hasFields) => {
          const around = hasFields ? { before: field('a', 'x\r\ny'), after: field('b', '') } : {};
          // A file of which the first line looks like a boundary needs another boundary, as clients know.
          fc.pre(!file.subarray(0, BOUNDARY.length + 2).equals(Buffer.from(`--${BOUNDARY}`)));
          const [name, bytes] = await read(form(file, around), lengths);
          expect(name).toBe('rows.csv');
          expect(bytes.equals(file)).toBe(true);
        },
      ),
      { numRuns: 400 },
    );
  });

  test('has the name that its owner gave it', async () => {
    expect((await read(form(Buffer.from('a'), { name: 'ä \\"b\\".csv' })))[0]).toBe('ä "b".csv');
    const extended = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename*=utf-8''%C3%A4.csv\r\n\r\nx\r\n--${BOUNDARY}--`;
    expect(await read(Buffer.from(extended))).toEqual(['ä.csv', Buffer.from('x')]);
  });

  test('is refused wherever the form is cut off, and where there is none', async () => {
    const whole = form(Buffer.from('id\n1\n'));
    for (let bytes = 0; bytes < whole.length - 4; bytes += 1)
      await expect(read(whole.subarray(0, bytes)), `${bytes} bytes`).rejects.toMatchObject({ status: 422 });
    await expect(read(Buffer.from(`${field('a', 'b')}--${BOUNDARY}--`))).rejects.toThrow('no file');
    await expect(read(whole, [7], 'text/csv')).rejects.toMatchObject({ status: 406 });
    await expect(read(whole, [7], 'multipart/form-data')).rejects.toMatchObject({ status: 406 });
  });

  test('comes while it is sent', async () => {
    let sent = 0;
    const growing = async function* (): AsyncGenerator<Uint8Array> {
      yield form(Buffer.alloc(0)).subarray(0, -(BOUNDARY.length + 8));
      for (;;) {
        sent += 1_000;
        yield Buffer.alloc(1_000, 'a');
      }
    };
    const { body } = await formFile(TYPE, growing());
    for await (const part of body) if (part.length > 0) break;
    // The streams between hold some of it.
    expect(sent).toBeLessThan(1_000_000);
  });
});
