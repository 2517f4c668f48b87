/** A value that connectors have been known to change on its way. */
export interface DifficultValue {
  /** What is difficult about it; a driver names by it what its system cannot hold. */
  readonly kind: string;
  readonly value: string | null;
}

/**
 * Values that must come through equal, as texts: what a system makes of them on its side is its own affair. NUL comes last, behind
 * enough text that no one takes a file with it for a binary one.
 */
export const difficultValues: readonly DifficultValue[] = [
  { kind: 'null', value: null },
  { kind: 'an empty string', value: '' },
  { kind: 'quotes', value: 'say "no", \'never\' or ""' },
  { kind: 'newlines', value: 'two\nlines\r\nand a half\r' },
  { kind: 'delimiters', value: 'a,b;c\td|e\\f' },
  { kind: 'spaces', value: '  around  ' },
  { kind: 'emoji', value: '👩‍👩‍👧‍👦 🇪🇺 ☂️ é é 漢字' },
  { kind: 'leading zeros', value: '000042' },
  { kind: '64-bit integers', value: '9223372036854775807' },
  { kind: '64-bit integers', value: '-9223372036854775808' },
  { kind: '64-bit integers', value: '18446744073709551615' },
  { kind: 'decimals', value: '12345678901234567890.12345678901234567890' },
  { kind: 'decimals', value: '0.1000' },
  { kind: 'decimals', value: '1e-400' },
  { kind: 'dates', value: '2024-02-29' },
  { kind: 'dates', value: '1969-12-31T23:59:59.999999999-14:00' },
  { kind: 'dates', value: '0001-01-01 00:00:00' },
  { kind: 'words for nothing', value: 'NULL' },
  { kind: 'words for nothing', value: '\\N' },
  { kind: 'words for nothing', value: 'NaN' },
  { kind: 'commands', value: "'); DROP TABLE rows; --" },
  { kind: 'commands', value: '=1+1' },
  { kind: 'a long text', value: 'long '.repeat(15_000) },
  { kind: 'NUL', value: 'before\u0000after' },
];

/** What of them a system can hold. Throws when it names a kind that there is not. */
export function holdableValues(cannotHold: readonly string[]): readonly (string | null)[] {
  const kinds = new Set(difficultValues.map(({ kind }) => kind));
  const unknown = cannotHold.filter((kind) => !kinds.has(kind));
  if (unknown.length > 0) throw new Error(`there are no difficult values of the kind ${unknown.join(', ')}`);
  return difficultValues.filter(({ kind }) => !cannotHold.includes(kind)).map(({ value }) => value);
}
