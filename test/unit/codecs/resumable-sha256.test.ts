import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ResumableSha256 } from '../../../src/codecs/objects/resumable-sha256.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const stored = (hash: ResumableSha256): ResumableSha256 =>
  ResumableSha256.from(JSON.parse(JSON.stringify(hash.mark)) as typeof hash.mark);

test('bytes in any pieces, put aside and taken up between them, have the checksum of the whole', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 12 }), (pieces) => {
      let hash = new ResumableSha256();
      for (const piece of pieces) {
        hash.update(piece);
        hash = stored(hash);
      }
      expect(hash.digest()).toBe(sha256(Buffer.concat(pieces)));
    }),
  );
});

test('every length around a block has its checksum', () => {
  for (let length = 0; length <= 200; length += 1) {
    const bytes = Buffer.alloc(length, 'abcdefg');
    const hash = new ResumableSha256();
    hash.update(bytes);
    expect(hash.digest()).toBe(sha256(bytes));
  }
});

test('a digest in between changes nothing', () => {
  const hash = new ResumableSha256();
  hash.update(Buffer.from('abc'));
  expect(hash.digest()).toBe(sha256(Buffer.from('abc')));
  hash.update(Buffer.from('def'));
  expect(hash.digest()).toBe(sha256(Buffer.from('abcdef')));
});

test('more than goes through at once has its checksum', () => {
  const bytes = Buffer.alloc(1_000_003, 'sluice');
  const hash = new ResumableSha256();
  hash.update(bytes.subarray(0, 17));
  hash.update(bytes.subarray(17));
  expect(hash.digest()).toBe(sha256(bytes));
});
