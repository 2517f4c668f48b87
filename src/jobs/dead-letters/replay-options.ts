import type { Clock } from '../../core/clock.ts';
import type { KeptLetter } from '../../core/scored-batch.ts';

export interface ReplayOptions {
  readonly clock: Clock;
  /** Takes whatever deployment and model answer, in place of the output's own; the manifest names both. */
  readonly anyModel: boolean;
  /** The deployment of the job as it stands in its file, where `--deployment` names another one: letters in topics are marked with it. */
  readonly deployment?: string;
  /** Rows that somebody has mended, in place of those that were kept; by `letterKey`. */
  readonly mended: ReadonlyMap<string, Uint8Array>;
}

/** What tells a dead letter from the others of its output. */
export function letterKey({ split, row, line, output }: Pick<KeptLetter, 'split' | 'row' | 'line' | 'output'>): string {
  return JSON.stringify([split, row, line, output]);
}
