/** Swaps that a choice is mended by, for each place in it. */
const SWAPS = 1;
/** A choice is good enough when so little is left of the distance that it began with. */
const ENOUGH = 1e-4;

/**
 * Chooses `count` of the rows such that the mean of each trait over the chosen ones is near its mean over all of them: the rows that are
 * spread evenly, of which one after the other is exchanged for the row that brings the means nearest. Most rows stay, so that the choice
 * varies as the rows do. Ends early, and is the same for the same traits.
 *
 * @param traits one list of numbers per trait, as long as there are rows.
 * @returns indexes, ascending.
 */
export function balancedChoice(traits: readonly Float64Array[], rows: number, count: number): readonly number[] {
  const choice = Array.from({ length: count }, (_, i) => Math.floor((i * rows) / count));
  if (count >= rows) return choice;
  const isChosen = new Uint8Array(rows);
  for (const row of choice) isChosen[row] = 1;
  // What the sums over the choice are too large by; zero is the aim.
  const excess = Float64Array.from(traits, (trait) => {
    const mean = trait.reduce((sum, value) => sum + value, 0) / rows;
    return choice.reduce((sum, row) => sum + trait[row]!, 0) - count * mean;
  });
  const enough = ENOUGH * squares(excess);
  for (let swap = 0; swap < SWAPS * count; swap += 1) {
    const place = swap % count;
    const out = choice[place]!;
    let best = { row: out, distance: squares(excess) };
    if (best.distance <= enough) break;
    for (let row = 0; row < rows; row += 1) {
      if (isChosen[row] === 1) continue;
      let distance = 0;
      for (const [t, trait] of traits.entries()) distance += (excess[t]! - trait[out]! + trait[row]!) ** 2;
      if (distance < best.distance) best = { row, distance };
    }
    for (const [t, trait] of traits.entries()) excess[t]! += trait[best.row]! - trait[out]!;
    isChosen[out] = 0;
    isChosen[best.row] = 1;
    choice[place] = best.row;
  }
  return choice.toSorted((a, b) => a - b);
}

function squares(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value * value, 0);
}
