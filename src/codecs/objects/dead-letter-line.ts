import { isUtf8 } from 'node:buffer';
import type { DeadLetter, KeptLetter } from '../../core/scored-batch.ts';

/**
 * A dead letter as a line of JSON: `kind`, `split`, `row`, `line`, `output` (the row of the output that it belongs to, from 0; null for a
 * record that has none), `reason`, `attempts`, and the row itself as text in `bytes`, or in `bytesBase64` when it is not valid UTF-8.
 * @param before rows of the output before its batch.
 */
export function deadLetterLine({ index, ...letter }: DeadLetter, before: number): string {
  return keptLetterLine({ ...letter, output: index === undefined ? null : before + index });
}

/** The same of a letter that was kept before. */
export function keptLetterLine({ kind, split, row, line, output, reason, attempts, bytes }: KeptLetter): string {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = isUtf8(content) ? { bytes: content.toString('utf8') } : { bytesBase64: content.toString('base64') };
  return `${JSON.stringify({ kind, split, row, line, output, reason, attempts, ...text })}\n`;
}

/** A line of JSON as a dead letter; null for what is none. Lines of before have no `output`: that is null then. */
export function parseDeadLetter(text: string): KeptLetter | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { kind, split, row, line, output, reason, attempts, bytes, bytesBase64 } = value as Readonly<
    Record<string, unknown>
  >;
  const content =
    typeof bytes === 'string'
      ? Buffer.from(bytes, 'utf8')
      : typeof bytesBase64 === 'string'
        ? Buffer.from(bytesBase64, 'base64')
        : null;
  if ((kind !== 'failed' && kind !== 'skipped') || typeof split !== 'string' || content === null) return null;
  if (!isPlace(row) || !isPlace(line) || typeof reason !== 'string') return null;
  return {
    kind,
    split,
    row,
    line,
    output: isPlace(output) ? output : null,
    reason,
    attempts: typeof attempts === 'number' ? attempts : 0,
    bytes: content,
  };
}

function isPlace(value: unknown): value is number | null {
  return value === null || Number.isSafeInteger(value);
}
