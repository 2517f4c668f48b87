import unbzip2 from 'unbzip2-stream';

/** Compressed bytes that are given to the engine at once: what comes out of them waits in memory. */
const STEP_BYTES = 64 * 1024;

/**
 * The unpacked bytes of bzip2 data, of any number of streams one after the other. Throws what the engine says. It works block by
 * block, of up to 900 kB each, and keeps what it is given until then: so chunks are copied.
 */
export async function* unpackBzip2(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const engine = unbzip2();
  let pieces: Uint8Array[] = [];
  let failure: unknown;
  let seen = 0;
  engine.on('data', (piece: Uint8Array) => pieces.push(piece));
  engine.on('error', (error: unknown) => {
    failure ??= error;
  });
  const work = (step: () => void): readonly Uint8Array[] => {
    try {
      step();
    } catch (error) {
      // Where the data ends within a block it reads on in nothing.
      failure ??= error;
    }
    if (failure !== undefined) throw new Bzip2Error(failure instanceof TypeError ? 'it ends too early' : failure);
    return pieces.splice(0);
  };
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += STEP_BYTES) {
        const step = Buffer.from(chunk.subarray(at, at + STEP_BYTES));
        seen += step.length;
        yield* work(() => engine.write(step));
      }
    }
    if (seen === 0) throw new Bzip2Error('it is empty');
    yield* work(() => engine.end());
  } finally {
    pieces = [];
    engine.removeAllListeners();
  }
}

/** What is wrong with bzip2 data, in the words of its engine. */
export class Bzip2Error extends Error {
  constructor(reason: unknown) {
    super(reason instanceof Error ? reason.message : String(reason));
  }
}
