import { readFileSync } from 'node:fs';
import { parseDeadLetter } from '../../codecs/objects/dead-letter-line.ts';
import { SluiceError } from '../../core/error.ts';
import { unreadable } from '../description/unreadable.ts';
import { letterKey, type ReplayOptions } from './replay-options.ts';

/** Reads rows that somebody has corrected: dead letters as lines of JSON. Throws CONFIG_UNREADABLE, CONFIG_INVALID. */
export function loadMendedRows(file: string): ReplayOptions['mended'] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
  const mended = new Map<string, Uint8Array>();
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const letter = parseDeadLetter(line);
    if (letter === null)
      throw new SluiceError(
        'CONFIG_INVALID',
        `${file}:${i + 1} is no dead letter; give lines as \`sluice dlq show --json\` prints them.`,
      );
    mended.set(letterKey(letter), letter.bytes);
  }
  return mended;
}
