import { jsonParser } from 'stream-json/core/parser.js';
import { messageOf, SluiceError } from '../../core/error.ts';
import type { Encoding } from '../text/encoding.ts';
import { TextReader } from '../text/text-reader.ts';
import { ArrayCutter } from './array-cutter.ts';

/** Characters that the parser gets at once: it tells what is wrong, and so much is looked at for where. */
const PIECE = 16 * 1024;

/** Strings, keys and numbers come in pieces, however long they are. */
const TOKENS = { packValues: false, streamValues: true } as const;

/**
 * The elements of the array at `path` of a JSON document (RFC 8259), each as compact JSON on a line of UTF-8. Numbers keep their
 * digits. Throws FORMAT_BROKEN and INTAKE_ENCODING.
 */
export async function* elementLines(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  path: readonly string[],
  encoding: Encoding,
): AsyncGenerator<Uint8Array, void> {
  const reader = new TextReader(encoding);
  const cutter = new ArrayCutter(name, path);
  const tokenize = jsonParser(TOKENS);
  let characters = 0;
  const lines = (text: string): Uint8Array => {
    for (let at = 0; at < text.length; at += PIECE) {
      const piece = text.slice(at, at + PIECE);
      for (const token of tokensOf(piece)) cutter.see(token);
      characters += piece.length;
    }
    if (reader.brokenAt !== null) throw notEncoded(name, reader.brokenAt, encoding);
    return Buffer.from(cutter.take());
  };
  const tokensOf = (piece: string): readonly Parameters<ArrayCutter['see']>[0][] => {
    try {
      const tokens = tokenize(piece);
      return typeof tokens === 'object' && tokens !== null && 'values' in tokens ? tokens.values : [];
    } catch (cause) {
      const place = `behind element ${cutter.count}, at characters ${characters} to ${characters + piece.length}`;
      throw new SluiceError(
        'FORMAT_BROKEN',
        `${name} is no sound JSON ${place}: ${messageOf(cause)}. Correct it, or set intakeSettings.format to what it is.`,
        { cause },
      );
    }
  };
  for await (const chunk of chunks) {
    const bytes = lines(reader.read(chunk));
    if (bytes.length > 0) yield bytes;
  }
  const rest = lines(reader.finish());
  if (rest.length > 0) yield rest;
  cutter.finish();
}

function notEncoded(name: string, byte: number, encoding: Encoding): SluiceError {
  return new SluiceError(
    'INTAKE_ENCODING',
    `${name} is not valid ${encoding.name} at byte ${byte}. ` +
      'Set csvSettings.encoding to the encoding of the file, for example cp1252 or shift_jis.',
  );
}
