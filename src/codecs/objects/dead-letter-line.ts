import { isUtf8 } from 'node:buffer';
import type { DeadLetter } from '../../core/scored-batch.ts';

/**
 * A dead letter as a line of JSON: `kind`, `split`, `row`, `line`, `reason`, `attempts`, and the row itself as text in
 * `bytes`, or in `bytesBase64` when it is not valid UTF-8.
 */
export function deadLetterLine(letter: DeadLetter): string {
  const { kind, split, row, line, reason, attempts, bytes } = letter;
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = isUtf8(content) ? { bytes: content.toString('utf8') } : { bytesBase64: content.toString('base64') };
  return `${JSON.stringify({ kind, split, row, line, reason, attempts, ...text })}\n`;
}
