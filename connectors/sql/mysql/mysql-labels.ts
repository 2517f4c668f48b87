import type { SqlColumn } from '../sql-column.ts';

type Declared = Pick<SqlColumn, 'declared'>;

/** Whether a column holds one of its labels, or several: it is put in order by their places, and compared with a text by letters. */
export function hasLabels({ declared }: Declared): boolean {
  return /^(?:enum|set)\b/i.test(declared);
}

/**
 * The number that the server has for a value of an `enum` or `set`, which is what puts them in order; null for other columns, and where the
 * labels are not known (of the result of a query).
 */
export function placeAmongLabels(text: string, { declared }: Declared): string | null {
  const found = /^(enum|set)\(((?:'(?:[^']|'')*',?)+)\)/i.exec(declared);
  if (found === null) return null;
  const labels = [...found[2]!.matchAll(/'((?:[^']|'')*)'/g)].map(([, label]) => label!.replaceAll("''", "'"));
  if (found[1]!.toLowerCase() === 'enum') return String(labels.indexOf(text) + 1);
  const parts = new Set(text.split(','));
  return String(labels.reduce((bits, label, at) => (parts.has(label) ? bits | (1n << BigInt(at)) : bits), 0n));
}
