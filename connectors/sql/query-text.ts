/** What is no code in a query: comments, texts and names in quotes. Dollar quotes are PostgreSQL's. */
const NO_CODE =
  /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|\$([a-z_]*)\$[\s\S]*?\$\1\$/gi;

/** A query without the semicolons at its end, so that it can stand within another one. */
export function plainQuery(query: string): string {
  return query.trim().replace(/[;\s]+$/, '');
}

/** Whether the result of a query has an order of its own: an ORDER BY that is not within brackets. */
export function hasOwnOrder(query: string): boolean {
  let code = query.replaceAll(NO_CODE, ' ');
  // Brackets from the inside out.
  for (let before = ''; before !== code; ) {
    before = code;
    code = code.replaceAll(/\([^()]*\)/g, ' ');
  }
  return /\border\s+by\b/i.test(code);
}
