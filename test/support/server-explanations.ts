/** The cells of explanations by row, four for each, as they stand in a reply. */
export type GivenCells = (row: number) => readonly string[];

/** A `rewrite` of a prediction server's CSV reply: as if it had explained its rows, with so many ranks. */
export function givesExplanations(ranks: number, cellsOf: GivenCells): (reply: string) => string {
  const names = Array.from({ length: ranks }, (_, i) =>
    ['FEATURE_NAME', 'STRENGTH', 'ACTUAL_VALUE', 'QUALITATIVE_STRENGTH'].map((part) => `EXPLANATION_${i + 1}_${part}`),
  ).flat();
  return (reply) => {
    const [header = '', ...lines] = reply.split('\n');
    return [
      [...names, header].join(','),
      ...lines.map((line, row) => (line === '' ? '' : [...cellsOf(row), line].join(','))),
    ].join('\n');
  };
}
