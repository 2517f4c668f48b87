import { createHash, type Hash } from 'node:crypto';

/** A tree hash under way, as it is kept in a ledger: it covers `bytes`, a multiple of `LEAF_BYTES`. */
export interface TreeMark {
  readonly bytes: number;
  /** In hex, the largest subtree first: one for each bit of the number of leaves. */
  readonly subtrees: readonly string[];
}

/** So many bytes, the last ones fewer, make a leaf. */
export const LEAF_BYTES = 1024 * 1024;

/**
 * The SHA-256 tree hash that Amazon defined for Glacier: SHA-256 of each MiB, then of each two of these together, and so on to one. An odd one
 * out goes up as it is. Up to 1 MiB it is the plain SHA-256. Unlike that it can be put aside at each leaf and taken up by
 * another process, with the speed of Node's own; `botocore.utils.calculate_tree_hash` is another implementation.
 */
export class TreeHash {
  readonly #subtrees: Buffer[] = [];
  #leaves = 0;
  #leaf: Hash = createHash('sha256');
  #filled = 0;

  static from({ bytes, subtrees }: TreeMark): TreeHash {
    const hash = new TreeHash();
    hash.#leaves = bytes / LEAF_BYTES;
    hash.#subtrees.push(...subtrees.map((digest) => Buffer.from(digest, 'hex')));
    return hash;
  }

  update(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      const taken = bytes.subarray(from, from + LEAF_BYTES - this.#filled);
      this.#leaf.update(taken);
      from += taken.length;
      this.#filled += taken.length;
      if (this.#filled === LEAF_BYTES) this.#closeLeaf();
    }
  }

  /** Of all bytes so far, in hex; more may follow. */
  digest(): string {
    const isLeafOpen = this.#filled > 0 || this.#leaves === 0;
    const parts = isLeafOpen ? [...this.#subtrees, this.#leaf.copy().digest()] : this.#subtrees;
    return parts.reduceRight((right, left) => joined(left, right)).toString('hex');
  }

  /** Up to the last whole leaf. */
  get mark(): TreeMark {
    return { bytes: this.#leaves * LEAF_BYTES, subtrees: this.#subtrees.map((digest) => digest.toString('hex')) };
  }

  #closeLeaf(): void {
    let subtree: Buffer = this.#leaf.digest();
    // As in counting: each carry joins two subtrees of a size.
    for (let rest = this.#leaves; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      subtree = joined(this.#subtrees.pop()!, subtree);
    }
    this.#subtrees.push(subtree);
    this.#leaves += 1;
    this.#leaf = createHash('sha256');
    this.#filled = 0;
  }
}

function joined(left: Buffer, right: Buffer): Buffer {
  return createHash('sha256').update(left).update(right).digest();
}
