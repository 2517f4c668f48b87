import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LEAF_BYTES, TreeHash } from '../../../src/codecs/objects/tree-hash.ts';

const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** The definition, level by level. */
function treeHashOf(bytes: Uint8Array): string {
  let level: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += LEAF_BYTES)
    level.push(sha256(bytes.subarray(at, at + LEAF_BYTES)));
  while (level.length > 1) {
    level = level.flatMap((node, at) =>
      at % 2 === 1 ? [] : at + 1 === level.length ? [node] : [sha256(node, level[at + 1]!)],
    );
  }
  return level[0]!.toString('hex');
}

const stored = (hash: TreeHash): TreeHash => TreeHash.from(JSON.parse(JSON.stringify(hash.mark)) as typeof hash.mark);

/** Bytes no two MiB of which are alike. */
const bytes = Buffer.alloc(9 * LEAF_BYTES + 5);
for (let at = 0; at < bytes.length; at += 1024) bytes.writeUInt32LE(at, at);

test('bytes in any pieces have the tree hash of the whole', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 8 }), (cuts) => {
      const hash = new TreeHash();
      const ends = [0, ...cuts.toSorted((a, b) => a - b)];
      for (let i = 1; i < ends.length; i += 1) hash.update(bytes.subarray(ends[i - 1], ends[i]));
      const end = ends.at(-1)!;
      expect(hash.digest()).toBe(treeHashOf(bytes.subarray(0, end)));
      // Looking changes nothing.
      hash.update(bytes.subarray(end));
      expect(hash.digest()).toBe(treeHashOf(bytes));
    }),
    { numRuns: 25 },
  );
});

test('put aside anywhere and taken up at its mark it has the tree hash of the whole', () => {
  for (let leaves = 0; leaves <= 9; leaves += 1) {
    for (const more of [0, 1, LEAF_BYTES - 1]) {
      const end = Math.min(leaves * LEAF_BYTES + more, bytes.length);
      const before = new TreeHash();
      before.update(bytes.subarray(0, end));
      const after = stored(before);
      after.update(bytes.subarray(after.mark.bytes));
      expect(after.digest(), `put aside after ${end} bytes`).toBe(treeHashOf(bytes));
    }
  }
});

test('up to a MiB it is the plain SHA-256', () => {
  for (const length of [0, 1, LEAF_BYTES]) {
    const hash = new TreeHash();
    hash.update(bytes.subarray(0, length));
    expect(hash.digest()).toBe(sha256(bytes.subarray(0, length)).toString('hex'));
  }
});

// Computed by calculate_tree_hash of botocore 1.35.0.
test.each([
  [3_670_016, 'daede4eb580f914dacd5e0bdf7015c937fd615c1e6c6552d25cb04a8b7219828'],
  [13_631_495, '77f34a0b459420b6784ba49bddc75b9b9095d4e4ceb950ed12eb0dc765ce7402'],
])('it is the one that other programs compute, for %d letters', (length, wanted) => {
  const hash = new TreeHash();
  hash.update(Buffer.alloc(length, 'a'));
  expect(hash.digest()).toBe(wanted);
});
