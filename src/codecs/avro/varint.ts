/** A long as Avro writes it: zigzag, seven bits a byte, the low ones first. For counts, lengths and offsets: below 2^53. */
export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/** The value of the long at `at`, and the offset just past it; null when the bytes end within it. */
export function readVarint(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } | null {
  let raw = 0;
  let factor = 1;
  for (let i = at; i < bytes.length; i += 1) {
    const byte = bytes[i]!;
    raw += (byte & 0x7f) * factor;
    if (byte < 0x80) return { value: raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2, end: i + 1 };
    factor *= 128;
    // More than a length has; what was read is no sound one.
    if (i - at > 9) return { value: Number.POSITIVE_INFINITY, end: i + 1 };
  }
  return null;
}
