/** The number that a text is; null for any other. */
export function numberOf(text: string): number | null {
  const value = Number(text);
  return text.trim() === '' || !Number.isFinite(value) ? null : value;
}

/** `1` and `1.0` are the same class: who writes actuals need not write numbers as the server does. */
export function sameClass(a: string, b: string): boolean {
  return a === b || classKey(a) === classKey(b);
}

/** The same for labels of the same class. */
export function classKey(label: string): string {
  const number = numberOf(label);
  return number === null ? label : String(number);
}
