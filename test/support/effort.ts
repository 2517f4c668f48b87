/** Set by `npm run test:grid`: kills at every operation, ends at every place, and what takes half a minute by itself. */
export const isWhole = process.env['SLUICE_TEST_WHOLE'] === '1';

/** At every how many-th operation an output is killed: in the everyday run at fewer, as each is a process of its own. */
export function killEvery(operations: number): number {
  return isWhole ? operations : 2 * operations + 1;
}

/** So many generated cases of a property that takes seconds: in the everyday run a third, other ones each time. */
export function trials(whole: number): number {
  return isWhole ? whole : Math.ceil(whole / 3);
}

/** After how many different numbers of batches a run is ended. */
export const endings = isWhole ? 9 : 4;
