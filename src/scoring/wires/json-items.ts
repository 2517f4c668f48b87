import type { RowFailure } from '../../core/scorer.ts';
import { eachItem, valueEnd } from './json-bytes.ts';
import { valueAtSteps } from './json-pointer.ts';
import { parseLenient } from './lenient-json.ts';
import { readList } from './outcome-list.ts';
import { replyMismatch } from './reply-mismatch.ts';
import { cutText } from './reply-text.ts';
import type { RowOutcomes } from './row-outcomes.ts';

/** Where things are in one item of a list of predictions: the steps of JSON pointers. */
export interface ItemPlaces {
  readonly value: readonly string[] | null;
  readonly error: readonly string[] | null;
}

/**
 * Reads a list of objects that hold the prediction of a row somewhere, or say why there is none. Throws REPLY_MISMATCH, and a
 * SyntaxError for what is no JSON.
 * @param from where the list begins.
 */
export function readItems(
  target: string,
  body: Uint8Array,
  from: number,
  rows: number,
  { value, error }: ItemPlaces,
): { readonly outcomes: RowOutcomes; readonly end: number } {
  if (body[from] !== 0x5b) throw replyMismatch(target, 'has no list of predictions where one belongs');
  const texts: string[] = [];
  const errors: RowFailure[] = [];
  const end = eachItem(body, from, (at, row) => {
    const stop = valueEnd(body, at);
    const item = parseLenient(Buffer.from(body.subarray(at, stop)).toString('utf8'));
    const reason = error === null ? undefined : valueAtSteps(item, error);
    if (reason === undefined || reason === null || reason === '' || reason === false) {
      texts.push(JSON.stringify(valueAtSteps(item, value ?? []) ?? null));
    } else {
      const text = typeof reason === 'string' ? reason : JSON.stringify(reason);
      errors.push({ row, reason: cutText(text), attempts: 1 });
      texts.push('null');
    }
    return stop;
  });
  // The values alone are a list like any other.
  const { outcomes } = readList(target, Buffer.from(`[${texts.join(',')}]`), 0, rows);
  if (errors.length === 0) return { outcomes, end };
  // The reasons that the server gives go before those that we found.
  const failures = new Map([...outcomes.failures, ...errors].map((failure) => [failure.row, failure]));
  return { outcomes: { ...outcomes, failures: [...failures.values()].toSorted((a, b) => a.row - b.row) }, end };
}
