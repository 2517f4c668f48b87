import type { DatabaseSync } from 'node:sqlite';
import { conditionOf, type ScoredRows } from './scored-rows.ts';

/** The latest prediction of an association ID in a time, with what came true. */
export interface PredictionResult {
  readonly association: string;
  /** Milliseconds since 1970. */
  readonly scored: number;
  /** The label, or the number. */
  readonly prediction: string;
  /** Null where numbers are predicted; of two classes the one that `probability` is of, of more it is empty. */
  readonly class: string | null;
  readonly probability: number | null;
  /** Null: none came yet. */
  readonly actual: string | null;
}

export interface ResultsPage extends ScoredRows {
  readonly offset: number;
  readonly limit: number;
  /** Only those with an actual, or without; null: all. */
  readonly hasActual: boolean | null;
}

/** Predictions of a deployment by association ID, with their actuals. */
export function predictionResults(
  database: DatabaseSync,
  deployment: string,
  { offset, limit, hasActual, ...scored }: ResultsPage,
): { readonly total: number; readonly results: readonly PredictionResult[] } {
  const { where, parameters } = conditionOf(deployment, scored);
  const which = hasActual === null ? '' : `AND a.value IS ${hasActual ? 'NOT ' : ''}NULL`;
  const found = `FROM predictions p LEFT JOIN actuals a ON a.deployment = p.deployment AND a.association = p.association
    WHERE ${where} ${which}`;
  const count = database.prepare(`SELECT count(DISTINCT p.association) AS total ${found}`).get(...parameters);
  const rows = database
    .prepare(
      // SQLite takes the other columns from the row that has the maximum.
      `SELECT p.association, max(p.scored) AS scored, p.prediction, p.class, p.probability, a.value AS actual ${found}
       GROUP BY p.association ORDER BY p.association LIMIT ? OFFSET ?`,
    )
    .all(...parameters, limit, offset);
  return { total: Number(count?.['total'] ?? 0), results: rows as unknown as readonly PredictionResult[] };
}
