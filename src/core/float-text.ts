/** A float32 number as the shortest of the decimals with 7 to 9 digits that give the same float32 again. */
export function floatText(value: number): string {
  for (let digits = 7; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}

/** A number for people and JSON with nine digits: more than explanations are exact to. */
export function rounded(value: number): number {
  return Number(value.toPrecision(9));
}
