import { LF } from '../../../core/canonical-csv.ts';

const CR = 0x0d;

/** What the bytes of one value must be. */
export interface RecordRules {
  readonly columns: number;
  /** One byte each. */
  readonly delimiter: number;
  readonly quote: number;
}

/**
 * What keeps the bytes from `start` to `end` from being one record of so many columns; null when nothing does. A property test holds
 * it equal to `RecordScanner`, which reads a stream and would have to be made anew after every fault.
 */
export function recordFault(bytes: Uint8Array, start: number, end: number, rules: RecordRules): string | null {
  const { columns, delimiter, quote } = rules;
  if (start === end) return 'The value is empty.';
  const top = Math.max(delimiter, quote, CR);
  let fields = 1;
  let at = start;
  for (;;) {
    if (bytes[at] === quote && at < end) {
      const opened = at;
      // Fields are short: a plain loop beats a call of indexOf, and ends where the value does.
      for (at += 1; at < end; at += 1) {
        if (bytes[at] !== quote) continue;
        if (at + 1 >= end || bytes[at + 1] !== quote) break;
        at += 1;
      }
      if (at >= end) {
        return `The quote at byte ${opened - start}, which opens field ${fields}, is never closed.`;
      }
      at += 1;
      if (at < end && bytes[at] !== delimiter) {
        if (bytes[at] === LF || bytes[at] === CR) return moreRecords(at - start);
        return `Text follows the quote that closes field ${fields}, at byte ${at - start}.`;
      }
    } else {
      for (; at < end; at += 1) {
        const byte = bytes[at]!;
        if (byte > top) continue;
        if (byte === delimiter) break;
        if (byte === quote) {
          return `A quote stands at byte ${at - start}, within field ${fields}, which does not begin with one.`;
        }
        if (byte === LF || byte === CR) return moreRecords(at - start);
      }
    }
    if (at >= end) break;
    fields += 1;
    at += 1;
  }
  if (fields === columns) return null;
  return `The value has ${fields} ${fields === 1 ? 'field' : 'fields'} where ${columns} ${columns === 1 ? 'column is' : 'columns are'} named.`;
}

function moreRecords(at: number): string {
  return `The value holds more than one record: one ends at byte ${at}.`;
}
