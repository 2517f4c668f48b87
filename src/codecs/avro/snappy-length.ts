/** The length that raw snappy data unpacks to, as its beginning says; null when that is not sound. */
export function readSnappyLength(data: Uint8Array): number | null {
  let length = 0;
  for (let i = 0; i < 5 && i < data.length; i += 1) {
    const byte = data[i]!;
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return length;
  }
  return null;
}
