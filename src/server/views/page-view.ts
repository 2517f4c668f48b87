import type { ApiCall } from '../api-route.ts';

/** Where a page is in the whole. */
export interface PagePlace {
  readonly offset: number;
  readonly limit: number;
  readonly total: number;
}

/** A page of a list, with the addresses of its neighbours: absolute, or null. */
export function pageView({ base, request }: ApiCall, place: PagePlace, data: readonly object[]): object {
  const { offset, limit, total } = place;
  const { pathname, searchParams } = new URL(request.url, 'http://server');
  // As it was asked for, with what stands in it, and with the slash that may be left out.
  const path = pathname.replace(/^\/api\/v2/, '').replace(/\/?$/, '/');
  const at = (start: number): string => {
    const query = new URLSearchParams(searchParams);
    query.set('offset', String(start));
    query.set('limit', String(limit));
    return `${base}${path}?${query.toString()}`;
  };
  return {
    count: data.length,
    totalCount: total,
    next: offset + data.length < total && data.length > 0 ? at(offset + limit) : null,
    previous: offset > 0 ? at(Math.max(0, offset - limit)) : null,
    data,
  };
}
