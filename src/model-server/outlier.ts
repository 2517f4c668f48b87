/** Whether a regression's prediction lies outside the boundaries of its deployment. */
export function isOutlier(value: number, { low, high }: { readonly low: number; readonly high: number }): boolean {
  return value < low || value > high;
}
