import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Compression, compressionOf, compressMember, decompress } from '../../../src/codecs/compression.ts';
import { recycledChunks } from './csv-reading.ts';

const KINDS = ['gzip', 'zstd'] as const;

async function unpack(kind: Compression, bytes: Uint8Array, cuts: readonly number[]): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  const signal = new AbortController().signal;
  for await (const part of decompress(kind, recycledChunks(bytes, cuts), 'rows.csv.gz', signal)) {
    parts.push(Uint8Array.from(part));
  }
  return Buffer.concat(parts);
}

const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 });

test('members written one after the other come back whole, however the bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('none', ...KINDS),
      fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 6 }),
      cuts,
      async (kind, pieces, cuts) => {
        const packed = Buffer.concat(await Promise.all(pieces.map((piece) => compressMember(kind, piece))));
        expect(await unpack(kind, packed, cuts)).toEqual(Buffer.concat(pieces));
      },
    ),
    { numRuns: 150 },
  );
});

test('a file that ends within a member is refused, wherever it ends', async () => {
  for (const kind of KINDS) {
    const member = await compressMember(kind, Buffer.from('a,b\n1,2\n'));
    const two = Buffer.concat([member, member]);
    for (let length = 0; length < two.length; length += 1) {
      if (length === member.length) continue;
      for (const cut of [1, 1000]) {
        await expect(unpack(kind, two.subarray(0, length), [cut])).rejects.toMatchObject({
          code: 'INTAKE_COMPRESSION',
          message: expect.stringMatching(new RegExp(`^rows.csv.gz is not sound ${kind} data: unexpected end of file`)),
        });
      }
    }
  }
});

test('damaged data, and data of another kind, is refused', async () => {
  for (const kind of KINDS) {
    const member = Buffer.from(await compressMember(kind, Buffer.from('a,b\n1,2\n'.repeat(20))));
    const damaged = Buffer.from(member);
    damaged[damaged.length - 6]! ^= 0x40;
    for (const bytes of [damaged, Buffer.from('a,b\n1,2\n'), Buffer.concat([member, Buffer.from('more')])]) {
      for (const cut of [1, member.length, 1000]) {
        await expect(unpack(kind, bytes, [cut])).rejects.toMatchObject({ code: 'INTAKE_COMPRESSION' });
      }
    }
  }
});

test('zero bytes behind and between gzip members are padding', async () => {
  const [a, b] = await Promise.all(['a,b\n', '1,2\n'].map((text) => compressMember('gzip', Buffer.from(text))));
  const padded = Buffer.concat([a!, Buffer.alloc(9), b!, Buffer.alloc(600)]);
  for (const cut of [1, 7, a!.length, 1000])
    expect((await unpack('gzip', padded, [cut])).toString()).toBe('a,b\n1,2\n');
});

test('a member is readable by others, the same every time, and holds no time', async () => {
  const text = Buffer.from('a,b\n1,2\n'.repeat(1000));
  const [first, second] = await Promise.all([compressMember('gzip', text), compressMember('gzip', text)]);
  expect(first).toEqual(second);
  expect([...first.subarray(4, 8)]).toEqual([0, 0, 0, 0]);
  expect(gunzipSync(first)).toEqual(text);
  expect(zstdDecompressSync(await compressMember('zstd', text))).toEqual(text);
});

test('what is far larger unpacked than packed comes out in pieces', async () => {
  const text = Buffer.alloc(30_000_000, 'a,b\n');
  for (const kind of KINDS) {
    let longest = 0;
    let length = 0;
    const packed = await compressMember(kind, text);
    for await (const part of decompress(kind, recycledChunks(packed, [4096]), 'x', new AbortController().signal)) {
      longest = Math.max(longest, part.length);
      length += part.length;
    }
    expect([length, longest <= 1_048_576]).toEqual([text.length, true]);
  }
});

test("the input's own error and an abort come through as they are, and leaving early closes the input", async () => {
  const failure = new Error('disk gone');
  const member = await compressMember('gzip', Buffer.from('a,b\n'));
  let closed = 0;
  async function* failing(): AsyncGenerator<Uint8Array> {
    try {
      yield member;
      yield member;
      throw failure;
    } finally {
      closed += 1;
    }
  }
  const stop = new AbortController();
  const read = async (leave: (pieces: number) => void): Promise<void> => {
    let pieces = 0;
    for await (const piece of decompress('gzip', failing(), 'x', stop.signal)) {
      pieces += piece.length > 0 ? 1 : 0;
      leave(pieces);
    }
  };
  await expect(read(() => undefined)).rejects.toBe(failure);
  const left = new Error('enough');
  await expect(
    read(() => {
      throw left;
    }),
  ).rejects.toBe(left);
  const reason = new Error('stopped');
  await expect(read(() => stop.abort(reason))).rejects.toBe(reason);
  expect(closed).toBe(3);
});

test('the compression of a name', () => {
  expect(['a.csv', 'a.csv.gz', 'A.GZIP', 'a.zst', 'a.zstd', 'gz', 'a.gz.csv'].map(compressionOf)).toEqual([
    'none',
    'gzip',
    'gzip',
    'zstd',
    'zstd',
    'none',
    'none',
  ]);
});
