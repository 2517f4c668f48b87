/** Which rows of a deployment are looked at. */
export interface ScoredRows {
  /** When they were scored, in milliseconds since 1970; `to` is left out. */
  readonly from: number;
  readonly to: number;
  /** Only rows of these jobs, by their names; null: of all. */
  readonly jobs: readonly string[] | null;
}

/** All of them. */
export const ALL_ROWS: ScoredRows = { from: -8.64e15, to: 8.64e15, jobs: null };

/** A condition on `predictions p`, with what its places stand for, in their order. */
export function conditionOf(
  deployment: string,
  { from, to, jobs }: ScoredRows,
): { readonly where: string; readonly parameters: readonly (string | number)[] } {
  const where = 'p.deployment = ? AND p.scored >= ? AND p.scored < ?';
  if (jobs === null) return { where, parameters: [deployment, from, to] };
  const ofJobs = 'p.job IN (SELECT id FROM jobs WHERE name IN (SELECT value FROM json_each(?)))';
  // The plus keeps SQLite from the index of the deployment: of millions of rows those of the jobs alone are read, by the primary key.
  return { where: `+${where} AND ${ofJobs}`, parameters: [deployment, from, to, JSON.stringify(jobs)] };
}
