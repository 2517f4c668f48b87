import { SluiceError } from '../../core/error.ts';
import { byteBlock } from '../byte-block.ts';
import type { Encoding } from './encoding.ts';
import { TextReader } from './text-reader.ts';

/** Bytes of the characters of one encoding beyond ASCII, by code point: up to four bytes, the first in the high places. */
type ReverseTable = ReadonlyMap<number, number>;

/** Tables take 1-60 ms to make, so each is made once, when the first character beyond ASCII is written. */
const tables = new Map<string, ReverseTable>();

/** Encodes text for an output. Throws OUTPUT_ENCODING, naming the character, when the encoding does not have one. */
export function encodeText(text: string, encoding: Encoding): Uint8Array {
  if (encoding.utf8) return new TextEncoder().encode(text);
  if (encoding.utf16) {
    const bytes = Buffer.from(text, 'utf16le');
    return asArray(encoding.label === 'utf-16be' ? bytes.swap16() : bytes);
  }
  if (encoding.label === 'iso-2022-jp') {
    throw new SluiceError(
      'CONFIG_INVALID',
      `csvSettings.encoding ${encoding.name} can be read but not written. Use utf-8, euc_jp or shift_jis.`,
    );
  }
  const table = encoding.label;
  const bytes = byteBlock(text.length * 4);
  let length = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.codePointAt(at)!;
    if (code < 0x80) {
      bytes[length++] = code;
      continue;
    }
    if (code > 0xffff) at += 1;
    const packed = reverseTable(table, encoding).get(code) ?? linearGb18030(table, code);
    if (packed === undefined) {
      throw new SluiceError(
        'OUTPUT_ENCODING',
        `The character ${String.fromCodePoint(code)} (U+${code.toString(16).toUpperCase().padStart(4, '0')}) cannot be ` +
          `written in ${encoding.name}. Set csvSettings.encoding to utf-8.`,
      );
    }
    for (let shift = packed > 0xffffff ? 24 : packed > 0xffff ? 16 : packed > 0xff ? 8 : 0; shift >= 0; shift -= 8) {
      bytes[length++] = (packed >>> shift) & 0xff;
    }
  }
  return bytes.subarray(0, length);
}

/** What an output in this encoding begins with: a byte order mark, or nothing. */
export function byteOrderMark(encoding: Encoding): Uint8Array {
  return encoding.mark ? encodeText('\ufeff', encoding) : new Uint8Array(0);
}

function reverseTable(label: string, encoding: Encoding): ReverseTable {
  let table = tables.get(label);
  if (table === undefined) {
    table = makeTable(label, encoding);
    tables.set(label, table);
  }
  return table;
}

/** Reverses what reading does, by reading every sequence of bytes. The first of several for one character wins. */
function makeTable(label: string, encoding: Encoding): ReverseTable {
  const table = new Map<number, number>();
  const add = (...sequence: readonly number[]): boolean => {
    const reader = new TextReader(encoding);
    const text = reader.read(Uint8Array.from(sequence)) + reader.finish();
    const code = text.codePointAt(0);
    if (reader.broken || code === undefined || text.length !== (code > 0xffff ? 2 : 1)) return false;
    const packed = sequence.reduce((sum, byte) => sum * 256 + byte, 0);
    if (code >= 0x80 && !table.has(code)) table.set(code, packed);
    return true;
  };
  for (let lead = 0x80; lead <= 0xff; lead += 1) {
    if (add(lead) || (label === 'shift_jis' && isDuplicateLead(lead))) continue;
    if (!MULTI_BYTE.includes(label)) continue;
    for (let trail = 0x40; trail <= 0xfe; trail += 1) add(lead, trail);
    if (label === 'euc-jp' && lead === 0x8f) {
      for (let a = 0xa1; a <= 0xfe; a += 1) for (let b = 0xa1; b <= 0xfe; b += 1) add(lead, a, b);
    }
    if (label === 'gb18030' && lead <= 0x84) {
      for (let a = 0x30; a <= 0x39; a += 1) {
        for (let b = 0x81; b <= 0xfe; b += 1) for (let c = 0x30; c <= 0x39; c += 1) add(lead, a, b, c);
      }
    }
  }
  return table;
}

const MULTI_BYTE = ['shift_jis', 'euc-jp', 'euc-kr', 'gbk', 'gb18030', 'big5'];

/** NEC's copies of IBM's characters: Windows and the encoding standard write the ones from 0xFA on. */
function isDuplicateLead(lead: number): boolean {
  return lead === 0xed || lead === 0xee;
}

/** Beyond the basic plane GB 18030 counts on in four bytes, without a table. */
function linearGb18030(label: string, code: number): number | undefined {
  if (label !== 'gb18030' || code <= 0xffff) return undefined;
  const index = code - 0x10000;
  const last = 0x30 + (index % 10);
  const third = 0x81 + (Math.floor(index / 10) % 126);
  const second = 0x30 + (Math.floor(index / 1260) % 10);
  return (((0x90 + Math.floor(index / 12_600)) << 24) | (second << 16) | (third << 8) | last) >>> 0;
}

function asArray(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
