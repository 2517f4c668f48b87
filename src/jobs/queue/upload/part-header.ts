import { open } from 'node:fs/promises';
import { SluiceError } from '../../../core/error.ts';

/** The header of a part, and where its rows begin. */
export interface PartHeader {
  /** Without its line end and a byte order mark. */
  readonly text: Uint8Array;
  /** Bytes before the first row. */
  readonly bytes: number;
}

/** A header of more bytes is none. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Reads the header of a part that is whole. Throws CSV_HEADER where it has no end. */
export async function partHeader(path: string, quotechar: string): Promise<PartHeader> {
  await using file = await open(path, 'r');
  for (let room = 64 * 1024; ; room *= 4) {
    const { buffer, bytesRead } = await file.read(new Uint8Array(room), 0, room, 0);
    const bytes = headerEnd(buffer.subarray(0, bytesRead), quotechar, bytesRead < room);
    if (bytes !== null) return { text: headerText(buffer.subarray(0, bytes)), bytes };
    if (room >= MOST_BYTES) throw new SluiceError('CSV_HEADER', 'a part of the upload has no end of its header line');
  }
}

/**
 * Where the header record ends. Looks at bytes, as all encodings that parts may have keep quotes and line ends as in ASCII. Null: more
 * bytes are needed. @param isWhole there are no more.
 */
function headerEnd(bytes: Uint8Array, quotechar: string, isWhole: boolean): number | null {
  const quote = quotechar.charCodeAt(0);
  let quoted = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === quote) quoted = !quoted;
    else if (quoted) continue;
    else if (byte === 0x0a) return at + 1;
    else if (byte === 0x0d) {
      if (at + 1 === bytes.length && !isWhole) return null;
      return bytes[at + 1] === 0x0a ? at + 2 : at + 1;
    }
  }
  return isWhole ? bytes.length : null;
}

function headerText(bytes: Uint8Array): Uint8Array {
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  let end = bytes.length;
  while (end > start && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end -= 1;
  return bytes.subarray(start, end);
}

/** Parts are joined byte by byte, which takes an encoding in which a line end and a quote are one byte each. Throws CONFIG_INVALID. */
export function assertJoinable({
  encoding,
  quotechar,
}: {
  readonly encoding: string;
  readonly quotechar: string;
}): void {
  if (/utf[-_]?(16|32)|ucs/i.test(encoding) || quotechar.charCodeAt(0) > 0x7f)
    throw new SluiceError(
      'CONFIG_INVALID',
      `csvSettings: an upload in parts takes an encoding that keeps line ends and quotes as in ASCII, not ${encoding} with the quote ${quotechar}; upload it as one, or as utf-8`,
    );
}
