import { deadLetterLine, type ScoredBatch } from '../../src/sdk.ts';
import type { CanonicalRows } from './driver.ts';
import { type ChunkMemory, RowChunk } from './row-chunk.ts';
import type { RefusedBytes } from './table-loader.ts';

/** Bytes of rows that are kept to do their transaction again; where there are more they are to be committed. */
const MOST_BYTES = 32 * 1024 * 1024;

const SPARE_CHUNKS = 4;

/** A chunk under way: its rows, and what became of them in the open transaction. */
export interface LoadedChunk {
  readonly chunk: RowChunk;
  /** Rows that were refused; empty again when the transaction is undone. */
  refused: RefusedBytes[];
}

/** The rows that were accepted and are not durable yet: one chunk is gathered, the others are sent, and kept until their transaction is committed. */
export class HeldChunks {
  readonly #tail: Uint8Array;
  readonly #spare: ChunkMemory[] = [];
  #gathered: RowChunk | null = null;
  #closed: LoadedChunk[] = [];
  /** How many of the closed ones are in the open transaction. */
  #sent = 0;
  #bytes = 0;

  /** @param tail what every row gets at its end. */
  constructor(tail: Uint8Array) {
    this.#tail = tail;
  }

  /** Copies a batch to the chunk that is gathered. @param firstRow the output's row that is the batch's first, from 0. */
  add({ output, deadLetters, through }: ScoredBatch, firstRow: number): void {
    this.#gathered ??= new RowChunk(this.#tail, this.#spare.pop());
    this.#gathered.add({ bytes: output.bytes, ends: output.ends }, { split: through.split, firstRow });
    this.#bytes += output.bytes.length;
    for (const letter of deadLetters) {
      this.#gathered.letters.push(deadLetterLine(letter, firstRow).trimEnd());
      this.#bytes += letter.bytes.length + letter.reason.length;
    }
  }

  /** Bytes of the chunk that is gathered. */
  get gatheredBytes(): number {
    return this.#gathered?.length ?? 0;
  }

  /** Whether there are so many that they had better be committed. */
  get areMany(): boolean {
    return this.#bytes >= MOST_BYTES;
  }

  /** Closes the chunk that is gathered: it is to be sent, and the next batch begins another one. */
  close(): void {
    if (this.#gathered !== null) this.#closed.push({ chunk: this.#gathered, refused: [] });
    this.#gathered = null;
  }

  get closed(): readonly LoadedChunk[] {
    return this.#closed;
  }

  /** The first rows, to see what all are like. */
  get sample(): CanonicalRows {
    return this.#closed[0]?.chunk.rows ?? { bytes: new Uint8Array(0), ends: new Uint32Array(0) };
  }

  /** Rows that were refused in the open transaction. */
  get refused(): number {
    return this.#closed.reduce((sum, { refused }) => sum + refused.length, 0);
  }

  /** Sends the closed ones that the open transaction has not got yet, one after the other. */
  async sendRest(send: (loaded: LoadedChunk) => Promise<void>): Promise<void> {
    for (; this.#sent < this.#closed.length; this.#sent += 1) {
      const loaded = this.#closed[this.#sent]!;
      loaded.refused = [];
      await send(loaded);
    }
  }

  /** The open transaction is undone: all must be sent again. */
  undone(): void {
    this.#sent = 0;
    for (const loaded of this.#closed) loaded.refused = [];
  }

  /** The closed ones are durable; their memory is used again. */
  settle(): void {
    this.#spare.push(...this.#closed.map(({ chunk }) => chunk.memory).slice(0, SPARE_CHUNKS - this.#spare.length));
    this.#closed = [];
    this.#sent = 0;
    this.#bytes = 0;
  }
}
