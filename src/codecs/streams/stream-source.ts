import type { Codec } from '../../core/codec.ts';
import type { Source } from '../../core/source.ts';
import { type Compression, decompress } from '../compression.ts';

export interface StreamSourceOptions {
  /** For messages and dead letters: `standard input`, say. */
  readonly name: string;
  readonly input: AsyncIterable<Uint8Array>;
  readonly codec: Codec;
  readonly compression: Compression;
}

/** The source for a stream of bytes that comes once: one split, no identity, no continuation. */
export function createStreamSource({ name, input, codec, compression }: StreamSourceOptions): Source {
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
    read: (split, after, limits, signal) =>
      codec.decode(decompress(compression, counted(), name, signal), { split: split.id, after, limits }, null, signal),
    // What comes once must not be read before it is wanted.
    check: async () => undefined,
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}
