const MARK = Uint8Array.of(0xef, 0xbb, 0xbf);
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const QUOTE = 0x22;

/** What JSON a text in UTF-8 seems to begin with, by its first two characters that are no spaces: a header of CSV may begin with a bracket. */
export function jsonStart(head: Uint8Array): 'object' | 'list' | null {
  const hasMark = MARK.every((byte, i) => head[i] === byte);
  const [first, second] = head.subarray(hasMark ? MARK.length : 0).filter(isNoSpace);
  if (first === OPEN_OBJECT && (second === QUOTE || second === CLOSE_OBJECT)) return 'object';
  if (first === OPEN_LIST && (second === OPEN_OBJECT || second === OPEN_LIST || second === CLOSE_LIST)) return 'list';
  return null;
}

function isNoSpace(byte: number): boolean {
  return byte > 0x20;
}
