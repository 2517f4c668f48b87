/** A time in milliseconds since 1970 as clients read it; null stays null. */
export function shownTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
