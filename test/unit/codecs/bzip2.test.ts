import { expect, test } from 'vitest';
import { compressionOf, compressMember, decompress } from '../../../src/codecs/compression.ts';
import { recycledChunks } from './csv-reading.ts';

/** Two streams, as `bzip2` and `cat` leave them: `id,note\n1,a\n` and `2,b\n3,é\n`. */
const PACKED = Buffer.from(
  'QlpoOTFBWSZTWRsuDOUAAARZgAAQAAQgACYhhAAgADEAMCBiGiJRWMDn4u5IpwoSA2XBnKBCWmg5MUFZJlNZCDmmygAAAlkUABAABBgAEAAAIAgAIAAxDAENM1MEJh6ou5IpwoSAQc02UA==',
  'base64',
);

async function unpack(bytes: Uint8Array, cut = 10): Promise<string> {
  const parts: Uint8Array[] = [];
  const chunks = recycledChunks(bytes, [cut]);
  for await (const part of decompress('bzip2', chunks, 'rows.csv.bz2', new AbortController().signal))
    parts.push(Uint8Array.from(part));
  return Buffer.concat(parts).toString();
}

test('bzip2 is told by the name, and unpacked over any number of streams, however the bytes are cut', async () => {
  expect([compressionOf('a.csv.bz2'), compressionOf('a.BZIP2'), compressionOf('bz2')]).toEqual([
    'bzip2',
    'bzip2',
    'none',
  ]);
  for (const cut of [1, 10, 1000]) expect(await unpack(PACKED, cut)).toBe('id,note\n1,a\n2,b\n3,é\n');
});

test('bzip2 data that is broken, or ends too early, is refused wherever it does', async () => {
  const whole = 'id,note\n1,a\n2,b\n3,é\n';
  for (let length = 0; length < PACKED.length; length += 1) {
    const outcome = await unpack(PACKED.subarray(0, length)).catch((error: { code: string }) => error.code);
    // Between the streams it is whole, too.
    if (outcome !== 'INTAKE_COMPRESSION') expect([length, outcome]).toEqual([53, 'id,note\n1,a\n']);
  }
  for (let at = 0; at < PACKED.length; at += 1) {
    const broken = Buffer.from(PACKED);
    broken[at] = broken[at]! ^ 0x10;
    const outcome = await unpack(broken).catch((error: { code: string }) => error.code);
    expect(outcome === 'INTAKE_COMPRESSION' || outcome === whole, `byte ${at}: ${outcome}`).toBe(true);
  }
});

test('bzip2 data that is made to fill the memory is unpacked a block at a time', async () => {
  // 46 bytes of it are 45,899,235 spaces.
  const stream = Buffer.from('QlpoOTFBWSZTWbUiZb8BX44QAMAAAAggADCATUZCoCWpCoCXF3JFOFCQtSJlvw==', 'base64');
  const packed = recycledChunks(Buffer.concat(Array.from({ length: 8 }, () => stream)), [1000]);
  const before = process.memoryUsage().rss;
  let [unpacked, most] = [0, 0];
  for await (const part of decompress('bzip2', packed, 'rows.csv.bz2', new AbortController().signal)) {
    unpacked += part.length;
    most = Math.max(most, process.memoryUsage().rss - before);
  }
  expect(unpacked).toBe(8 * 45_899_235);
  expect(most).toBeLessThan(500 * 1024 * 1024);
});

test('bzip2 is not written', async () => {
  await expect(compressMember('bzip2', Buffer.from('a'))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
