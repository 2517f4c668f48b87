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
  const path = (request.routeOptions.url ?? '').replace(/^\/api\/v2/, '');
  const at = (start: number): string => {
    const query = new URL(request.url, 'http://server').searchParams;
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
