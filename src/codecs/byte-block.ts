/**
 * Fresh memory that is not cleared first: the caller writes every byte before it shows it to anybody. A plain
 * Uint8Array and not a Buffer, whose `slice` would give a view where readers expect a copy.
 */
export function byteBlock(length: number): Uint8Array<ArrayBuffer> {
  const block = Buffer.allocUnsafeSlow(length);
  return new Uint8Array(block.buffer, block.byteOffset, length);
}
