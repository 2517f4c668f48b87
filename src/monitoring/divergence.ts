import { stabilityIndex } from './drift.ts';

/** How far a distribution is from another: DataRobot's names. */
export const DRIFT_METRICS = ['psi', 'kl_divergence', 'dissimilarity', 'hellinger', 'js_divergence'] as const;
export type DriftMetric = (typeof DRIFT_METRICS)[number];

/** An empty bin would make the first two infinite; it counts as so small a share. */
const LEAST_SHARE = 1e-4;

/**
 * The distance of found counts from expected ones, by bins. 0 for the same shares; null when one side is empty.
 *
 * - `psi`: the population stability index.
 * - `kl_divergence`: of the found from the expected shares (Kullback and Leibler 1951), in nats.
 * - `js_divergence`: the symmetric one of Lin (1991), in nats; at most ln 2.
 * - `hellinger`: Hellinger's distance, at most 1.
 * - `dissimilarity`: the share of rows that would have to change their bin, at most 1.
 */
export function divergence(metric: DriftMetric, expected: readonly number[], found: readonly number[]): number | null {
  const [all, allFound] = [sum(expected), sum(found)];
  if (all === 0 || allFound === 0) return null;
  if (metric === 'psi') return stabilityIndex(expected, found);
  const p = expected.map((count) => count / all);
  const q = found.map((count) => count / allFound);
  return BETWEEN[metric](p, q);
}

/** Of shares, the expected ones first. */
const BETWEEN: Readonly<Record<Exclude<DriftMetric, 'psi'>, (p: readonly number[], q: readonly number[]) => number>> = {
  kl_divergence: (p, q) => relative(q.map(notEmpty), p.map(notEmpty)),
  js_divergence: (p, q) => {
    const middle = p.map((share, i) => (share + q[i]!) / 2);
    return (relative(p, middle) + relative(q, middle)) / 2;
  },
  hellinger: (p, q) => Math.sqrt(sum(p.map((share, i) => (Math.sqrt(share) - Math.sqrt(q[i]!)) ** 2)) / 2),
  dissimilarity: (p, q) => sum(p.map((share, i) => Math.abs(share - q[i]!))) / 2,
};

function notEmpty(share: number): number {
  return Math.max(share, LEAST_SHARE);
}

function relative(a: readonly number[], b: readonly number[]): number {
  return sum(a.map((share, i) => (share === 0 ? 0 : share * Math.log(share / b[i]!))));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
