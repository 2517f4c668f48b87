import { parse } from 'csv-parse/sync';
import type { PublishedLetter, PublishedOutput } from '../../src/testing.ts';

/** The rows of an output in CSV, as csv-parse reads them. */
export function csvRows(bytes: Buffer): Pick<PublishedOutput, 'columns' | 'records'> {
  const cast = (value: string, { quoting }: { readonly quoting: boolean }): string | null =>
    value === '' && !quoting ? null : value;
  const [columns, ...records] = parse(bytes, { cast }) as (string | null)[][];
  return { columns: (columns ?? []).map(String), records };
}

/** Dead letters, a line of JSON each. */
export function lettersIn(lines: string): readonly PublishedLetter[] {
  return lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as PublishedLetter);
}
