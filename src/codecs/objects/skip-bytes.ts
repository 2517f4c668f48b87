/** A stream without its first bytes. */
export async function* skipBytes(chunks: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let rest = bytes;
  for await (const chunk of chunks) {
    if (rest >= chunk.length) rest -= chunk.length;
    else {
      yield rest === 0 ? chunk : chunk.subarray(rest);
      rest = 0;
    }
  }
}
