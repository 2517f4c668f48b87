import { SluiceError } from '../../core/error.ts';
import type { Source } from '../../core/source.ts';
import { type Compression, decompress } from '../compression.ts';
import type { ObjectReaders } from '../formats.ts';
import type { ReadableObject } from '../object-format.ts';

export interface StreamSourceOptions {
  /** For messages and dead letters: `standard input`, say. */
  readonly name: string;
  readonly input: AsyncIterable<Uint8Array>;
  readonly readers: ObjectReaders;
  readonly compression: Compression;
}

/** The source for a stream of bytes that comes once: one split, no identity, no continuation. */
export function createStreamSource({ name, input, readers, compression }: StreamSourceOptions): Source {
  const progress = { bytes: 0 };
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of input) {
      progress.bytes += chunk.length;
      yield chunk;
    }
  };
  return {
    get bytesRead() {
      return progress.bytes;
    },
    identity: async () => null,
    splits: async () => [{ id: name, bytes: null }],
    async *read({ id }, after, limits, signal) {
      const stream = new PeekedStream(decompress(compression, counted(), name, signal));
      const reader = await readers.for(name, () => stream.peek());
      const part = { part: { id: null, bytes: 0 }, split: id, after, schema: null, limits };
      yield* reader.read(streamObject(name, stream), part, signal);
    },
    // What comes once must not be read before it is wanted.
    check: async () => undefined,
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** A stream whose first chunk may be looked at before it is read. */
class PeekedStream {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #first: Uint8Array | null = null;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The first chunk that has bytes; none at the end. */
  async peek(): Promise<Uint8Array> {
    while (this.#first === null || this.#first.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return new Uint8Array(0);
      this.#first = next.value;
    }
    return this.#first;
  }

  async *chunks(): AsyncGenerator<Uint8Array, void> {
    try {
      if (this.#first !== null) yield this.#first;
      for (let next = await this.#chunks.next(); next.done !== true; next = await this.#chunks.next()) yield next.value;
    } finally {
      await this.#chunks.return?.();
    }
  }
}

function streamObject(name: string, stream: PeekedStream): ReadableObject {
  return {
    name,
    bytes: 0,
    compression: 'none',
    read(offset) {
      if (offset === 0) return stream.chunks();
      throw new SluiceError('CONTRACT_BROKEN', `${name} comes once, and cannot be read from byte ${offset} on.`);
    },
    range: async () => {
      throw new SluiceError(
        'CONFIG_INVALID',
        `${name} is a stream, and its format is read in ranges; write it to a file first.`,
      );
    },
  };
}
