/** The lines of so many rows that follow each other, one line each. A plain loop: `Float64Array.from` takes forty to sixty times as long. */
export function linesFrom(first: number, rows: number): Float64Array {
  const lines = new Float64Array(rows);
  for (let row = 0; row < rows; row += 1) lines[row] = first + row;
  return lines;
}
