/** The bytes that a `Range` header asks for of so many; null: all of them, as there is no such header, or one that is none; `none`: there are none. */
export function byteRange(
  header: string | undefined,
  bytes: number,
): { readonly from: number; readonly to: number } | 'none' | null {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return null;
  // `-5`: the last five.
  const from = first === '' ? Math.max(0, bytes - Number(last)) : Number(first);
  const to = first === '' || last === '' ? bytes : Math.min(Number(last) + 1, bytes);
  return from < to ? { from, to } : 'none';
}
