/** Whose requests go first: those of `live` users before those of all `batch` users. */
export type Priority = 'live' | 'batch';

/** Somebody who wants a part of what a server bears. */
export interface Claim {
  readonly priority: Priority;
  /** Of all that there is, in (0, 1]. */
  readonly maxShare: number;
  /** Requests at once that he would have under way, if he were let. */
  readonly wants: number;
}

/**
 * Divides what a server bears: live before batch, equal parts within a rank, nobody more than he wants or his `maxShare` of all; what one
 * leaves the others have. One part per claim, in order; together at most `all`.
 * @param all requests at once; need not be a whole number.
 */
export function fairParts(all: number, claims: readonly Claim[]): readonly number[] {
  const parts = claims.map(() => 0);
  let left = all;
  for (const rank of ['live', 'batch'] as const) {
    const most = (at: number): number => Math.min(claims[at]!.wants, claims[at]!.maxShare * all);
    // Who wants least comes first: what he leaves is divided among the others.
    const hungry = [...claims.keys()]
      .filter((at) => claims[at]!.priority === rank)
      .toSorted((a, b) => most(a) - most(b));
    for (const [served, at] of hungry.entries()) {
      const part = Math.min(most(at), left / (hungry.length - served));
      parts[at] = part;
      left -= part;
    }
  }
  return parts;
}
