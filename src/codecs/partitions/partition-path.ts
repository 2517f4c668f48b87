/** The name that Hive and Spark give the partition of null, and of the empty text, which they do not tell from it. */
export const NULL_PARTITION = '__HIVE_DEFAULT_PARTITION__';

/** Everything else is percent-encoded: what Hive encodes (controls, quotes, and what paths and patterns are made of), and what shells and stores trip over. */
const UNSAFE = /[^\w\u00a0-\u{10ffff} .,;@~!()$+-]/gu;

/** The folder of one value of a partition column, as Hive names it: `column=value`. Never `.` or `..`, and no `/` in it. */
export function partitionFolder(column: string, value: string | null): string {
  return `${encoded(column)}=${value === null || value === '' ? NULL_PARTITION : encodedValue(value)}`;
}

/** A text that is the very name for null is not to be taken for it. */
function encodedValue(value: string): string {
  return value === NULL_PARTITION ? `%5F${NULL_PARTITION.slice(1)}` : encoded(value);
}

function encoded(text: string): string {
  return text.replaceAll(UNSAFE, (character) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}
