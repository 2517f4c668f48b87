/**
 * Lengths of records as base-128 varints, 7 bits a byte from the lowest, the high bit set in all but the last byte: one byte
 * for a row under 128 bytes, so that a reader need not search for the ends of rows.
 * @param ends offset just past each record.
 * @param from where the first of them starts.
 */
export function encodeLengths(ends: Uint32Array, from: number): Uint8Array {
  const bytes = new Uint8Array(ends.length * 5);
  let at = 0;
  let start = from;
  for (const end of ends) {
    let length = end - start;
    start = end;
    while (length >= 128) {
      bytes[at++] = (length % 128) + 128;
      length = Math.floor(length / 128);
    }
    bytes[at++] = length;
  }
  return bytes.subarray(0, at);
}

/** The ends again, counted from `from`; null when the bytes are not whole varints. */
export function decodeLengths(bytes: Uint8Array, from: number): Uint32Array | null {
  const ends = new Uint32Array(bytes.length);
  let records = 0;
  let end = from;
  let length = 0;
  let scale = 1;
  for (const byte of bytes) {
    if (byte >= 128) {
      length += (byte - 128) * scale;
      scale *= 128;
      continue;
    }
    end += length + byte * scale;
    ends[records++] = end;
    length = 0;
    scale = 1;
  }
  return scale === 1 ? ends.subarray(0, records) : null;
}
