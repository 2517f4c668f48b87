import { createHash } from 'node:crypto';
import type { ObjectDigest } from '../../core/ledger.ts';
import { TreeHash, type TreeMark } from './tree-hash.ts';

/** A checksum under way. */
export interface Checksum {
  /** What it is continued from, for one that can be put aside. */
  readonly mark?: TreeMark;
  update(bytes: Uint8Array): void;
  /** Of all bytes so far; more may follow. */
  digest(): ObjectDigest;
}

/** SHA-256 of the whole, which Node can neither put aside nor take up again: whoever continues must read all of it. */
export function wholeChecksum(): Checksum {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), digest: () => ({ sha256: hash.copy().digest('hex') }) };
}

/** A checksum that is continued behind its mark, where what comes before cannot be read again. */
export function treeChecksum(mark: TreeMark | undefined): Checksum {
  const hash = mark === undefined ? new TreeHash() : TreeHash.from(mark);
  return {
    get mark() {
      return hash.mark;
    },
    update: (bytes) => hash.update(bytes),
    digest: () => ({ sha256Tree: hash.digest() }),
  };
}
