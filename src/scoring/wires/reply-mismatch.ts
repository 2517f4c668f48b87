import { SluiceError } from '../../core/error.ts';

/** @param what what is wrong with the reply; a clause that follows "the reply of …". */
export function replyMismatch(target: string, what: string, cause?: unknown): SluiceError {
  return new SluiceError(
    'REPLY_MISMATCH',
    `The reply of ${target} ${what}. Nothing was written for its rows; look at the server and at what stands between.`,
    cause === undefined ? {} : { cause },
  );
}

/**
 * How the row numbers of a reply differ from 0, 1, … n-1, in words.
 * @param numbers what the reply says, in its order; NaN for what is no number.
 */
export function numberingFault(numbers: readonly number[], rows: number): string {
  const seen = new Set<number>();
  const doubled = new Set<number>();
  const foreign: number[] = [];
  for (const number of numbers) {
    if (!Number.isInteger(number) || number < 0 || number >= rows) foreign.push(number);
    else if (seen.has(number)) doubled.add(number);
    else seen.add(number);
  }
  const missing: number[] = [];
  for (let row = 0; row < rows; row += 1) if (!seen.has(row)) missing.push(row);
  const parts = [
    missing.length > 0 ? `lacks ${list(missing)}` : '',
    doubled.size > 0 ? `has ${list([...doubled])} more than once` : '',
    foreign.length > 0 ? `has ${foreign.length} that were not asked for` : '',
  ].filter((part) => part !== '');
  return parts.length > 0
    ? `has ${numbers.length} rows for ${rows}: it ${parts.join(', ')}`
    : `has its ${rows} rows in another order`;
}

function list(rows: readonly number[]): string {
  const shown = rows.slice(0, 5).join(', ');
  return `${rows.length === 1 ? 'row' : 'rows'} ${shown}${rows.length > 5 ? ` and ${rows.length - 5} more` : ''}`;
}
