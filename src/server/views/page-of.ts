import type { ApiCall } from '../api-route.ts';
import { pageView } from './page-view.ts';

const MOST = 1_000;

/** One page of a list that is there as a whole. */
export function pageOf(
  call: ApiCall,
  all: readonly object[],
  { offset, limit: wanted }: { readonly offset: number; readonly limit: number },
): object {
  const limit = wanted === 0 ? MOST : Math.min(MOST, wanted);
  return pageView(call, { offset, limit, total: all.length }, all.slice(offset, offset + limit));
}
