import { endianness } from 'node:os';

/** Castagnoli's polynomial, its bits turned round. */
const polynomial = 0x82f63b78;

/** Eight tables, one behind the other: what a byte adds when so many bytes follow it. */
const table = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte += 1) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
  table[byte] = crc;
}
for (let entry = 256; entry < table.length; entry += 1) {
  const before = table[entry - 256]!;
  table[entry] = (before >>> 8) ^ table[before & 255]!;
}

/** Words are read as the machine has them; where that is the other way round, byte by byte. */
const wordBytes = endianness() === 'LE' ? 8 : Infinity;

/** The checksum of a record batch: CRC-32C (https://datatracker.ietf.org/doc/html/rfc3720#appendix-B.4), unsigned. */
export function crc32c(bytes: Uint8Array): number {
  const start = -bytes.byteOffset & 3;
  const pairs = Math.floor((bytes.length - start) / wordBytes);
  if (pairs <= 0) return ~byByte(-1, bytes, 0, bytes.length) >>> 0;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + start, 2 * pairs);
  let crc = byByte(-1, bytes, 0, start);
  for (let at = 0; at < words.length; at += 2) {
    const low = crc ^ words[at]!;
    const high = words[at + 1]!;
    crc =
      table[0x700 | (low & 255)]! ^
      table[0x600 | ((low >>> 8) & 255)]! ^
      table[0x500 | ((low >>> 16) & 255)]! ^
      table[0x400 | (low >>> 24)]! ^
      table[0x300 | (high & 255)]! ^
      table[0x200 | ((high >>> 8) & 255)]! ^
      table[0x100 | ((high >>> 16) & 255)]! ^
      table[high >>> 24]!;
  }
  return ~byByte(crc, bytes, start + words.byteLength, bytes.length) >>> 0;
}

function byByte(before: number, bytes: Uint8Array, from: number, to: number): number {
  let crc = before;
  for (let at = from; at < to; at += 1) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]!) & 255]!;
  return crc;
}
