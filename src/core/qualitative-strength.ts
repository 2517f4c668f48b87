/**
 * DataRobot's signs for a strength, from its share q in the sum of all absolute strengths of the row; the bounds depend on
 * the number of columns.
 */
export function qualitativeStrength(strength: number, total: number, columns: number): string {
  const share = total === 0 ? 0 : Math.abs(strength) / total;
  const sign = strength < 0 ? '-' : '+';
  if (share < 0.001) return `<${sign}`;
  const [three, two] =
    columns === 1 ? [0, 0] : columns === 2 ? [0.75, 0.25] : columns < 10 ? [2 / columns, 0.5 / columns] : [0.2, 0.05];
  return sign.repeat(share > three ? 3 : share > two ? 2 : 1);
}
