import { createHash } from 'node:crypto';

/** A chain under way, as a ledger keeps it. */
export interface ChainMark {
  readonly bytes: number;
  /** In hex; empty before the first link. */
  readonly digest: string;
}

/**
 * A checksum of pieces in their order: the SHA-256 of the one before and of the next piece, and so on. Unlike that of all bytes it can be put
 * aside behind any piece and taken up by another process, where what was written cannot be read back.
 */
export class ChainedHash {
  #bytes: number;
  #digest: string;

  constructor({ bytes, digest }: ChainMark = { bytes: 0, digest: '' }) {
    this.#bytes = bytes;
    this.#digest = digest;
  }

  /** Adds a piece; one without bytes is none. */
  update(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#digest = createHash('sha256').update(Buffer.from(this.#digest, 'hex')).update(piece).digest('hex');
    this.#bytes += piece.length;
  }

  get mark(): ChainMark {
    return { bytes: this.#bytes, digest: this.#digest };
  }
}
