const MARK = Uint8Array.of(0xef, 0xbb, 0xbf);

export const OPEN_OBJECT = 0x7b;
export const OPEN_LIST = 0x5b;

/** The first byte of a text in UTF-8 that is no space and no byte order mark; undefined when there is none. */
export function firstOf(head: Uint8Array): number | undefined {
  const hasMark = MARK.every((byte, i) => head[i] === byte);
  return head.subarray(hasMark ? MARK.length : 0).find((byte) => byte > 0x20);
}
