import { invalidRequest } from './input-rows.ts';

/** The parameters of a prediction request, checked. */
export interface PredictionQuery {
  readonly passthrough: 'all' | readonly string[];
  /** 0: none. */
  readonly maxExplanations: number;
  /** Rows are explained at or above `high` and at or below `low`; all of them when neither is set. */
  readonly thresholdHigh?: number;
  readonly thresholdLow?: number;
  /** In place of the deployment's, for binary models. */
  readonly predictionThreshold?: number;
  readonly predictionWarnings: boolean;
}

/** Predictions and nothing else. */
export const PLAIN_QUERY: PredictionQuery = { passthrough: [], maxExplanations: 0, predictionWarnings: false };

/**
 * Reads the query string; a wrong value is refused with status 422, parameters of other servers are let through unread.
 * @param columns that there are to explain by.
 */
export function parsePredictionQuery(search: URLSearchParams, columns: number): PredictionQuery {
  const set = single(search, 'passthroughColumnsSet');
  if (set !== undefined && set !== 'all') throw invalidRequest('passthroughColumnsSet can only be "all".');
  const names = [...new Set(search.getAll('passthroughColumns'))];
  if (set !== undefined && names.length > 0) {
    throw invalidRequest('passthroughColumns and passthroughColumnsSet exclude each other.');
  }
  const threshold = number(search, 'predictionThreshold');
  if (threshold !== undefined && (threshold < 0 || threshold > 1)) {
    throw invalidRequest('predictionThreshold is not between 0 and 1.');
  }
  const high = number(search, 'thresholdHigh');
  const low = number(search, 'thresholdLow');
  return {
    passthrough: set === undefined ? names : 'all',
    maxExplanations: explanations(search, columns),
    predictionWarnings: flag(search, 'predictionWarningEnabled'),
    ...(high === undefined ? {} : { thresholdHigh: high }),
    ...(low === undefined ? {} : { thresholdLow: low }),
    ...(threshold === undefined ? {} : { predictionThreshold: threshold }),
  };
}

function explanations(search: URLSearchParams, columns: number): number {
  const text = single(search, 'maxExplanations') ?? '0';
  if (text === 'all') return columns;
  const count = Number(text);
  if (!/^\d+$/.test(text) || count > 100)
    throw invalidRequest('maxExplanations is neither "all" nor a count from 0 to 100.');
  return count;
}

function number(search: URLSearchParams, name: string): number | undefined {
  const text = single(search, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw invalidRequest(`${name} is not a number.`);
  return value;
}

function flag(search: URLSearchParams, name: string): boolean {
  const text = single(search, name)?.toLowerCase() ?? 'false';
  if (text !== 'true' && text !== 'false') throw invalidRequest(`${name} is neither true nor false.`);
  return text === 'true';
}

function single(search: URLSearchParams, name: string): string | undefined {
  const all = search.getAll(name);
  if (all.length > 1) throw invalidRequest(`${name} is given ${all.length} times.`);
  return all[0];
}
