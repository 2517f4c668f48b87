/** Where bytes that are not valid UTF-8 cease to be: at the first U+FFFD of their decoding that they do not hold themselves. */
export function wrongByte(value: Buffer): number {
  const text = value.toString('utf8');
  let offset = 0;
  let from = 0;
  for (let at = text.indexOf('\ufffd'); at >= 0; at = text.indexOf('\ufffd', from)) {
    offset += Buffer.byteLength(text.slice(from, at));
    if (value[offset] !== 0xef || value[offset + 1] !== 0xbf || value[offset + 2] !== 0xbd) break;
    offset += 3;
    from = at + 1;
  }
  return offset;
}
