/** The order in which one walk replaces the features of a row by those of a baseline row; the antithetic walk takes the reverse. */
export type Walk = readonly number[];

/**
 * One order of the features `0` to `features - 1` for each baseline row: always the same ones, so that an explanation depends on the
 * row and the sample alone.
 */
export function walksOf(features: number, baselineRows: number): readonly Walk[] {
  const random = generator();
  return Array.from({ length: baselineRows }, () => {
    const order = Array.from({ length: features }, (_, i) => i);
    for (let last = features - 1; last > 0; last -= 1) {
      const other = Math.floor(random() * (last + 1));
      [order[last], order[other]] = [order[other]!, order[last]!];
    }
    return order;
  });
}

/** Numbers in [0, 1) from a fixed seed: the generator mulberry32, which its author gave to the public domain. */
function generator(): () => number {
  let state = 0x51_1c_e0_01;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
