const PATTERN = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;

/** The text of Avro's decimal: an integer of two's complement, big-endian, with `scale` digits behind the point. */
export function decimalText(bytes: Uint8Array, scale: number): string {
  let unscaled = 0n;
  for (const byte of bytes) unscaled = (unscaled << 8n) | BigInt(byte);
  unscaled = BigInt.asIntN(8 * bytes.length, unscaled);
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  const point = digits.length - scale;
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, point)}${scale > 0 ? `.${digits.slice(point)}` : ''}`;
}

/**
 * The bytes of a decimal; null when the text is no number, or has digits that the scale or the size has no place for.
 * @param size bytes of a fixed; null for as many as are needed.
 */
export function decimalBytes(text: string, scale: number, size: number | null): Buffer | null {
  const match = PATTERN.exec(text);
  if (match === null) return null;
  const [, sign, whole, fraction = '', exponent = '0'] = match;
  const shift = scale - fraction.length + Number(exponent);
  let unscaled = BigInt(whole + fraction);
  if (shift >= 0) unscaled *= 10n ** BigInt(shift);
  else if (unscaled % 10n ** BigInt(-shift) === 0n) unscaled /= 10n ** BigInt(-shift);
  else return null;
  if (sign === '-') unscaled = -unscaled;
  let length = size ?? 1;
  if (size === null) while (BigInt.asIntN(8 * length, unscaled) !== unscaled) length += 1;
  if (BigInt.asIntN(8 * length, unscaled) !== unscaled) return null;
  const hex = BigInt.asUintN(8 * length, unscaled).toString(16);
  return Buffer.from(hex.padStart(2 * length, '0'), 'hex');
}
