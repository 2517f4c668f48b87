import type { DeploymentDescription } from '../../core/scorer.ts';
import type { ReplyTable } from './csv-table.ts';
import { visitValue } from './json-bytes.ts';
import { readList } from './outcome-list.ts';
import type { PredictionTable } from './prediction-table.ts';
import { replyMismatch } from './reply-mismatch.ts';
import type { RowOutcomes } from './row-outcomes.ts';

/** Where and how a reply is read. */
export interface ListedReply {
  /** For messages. */
  readonly target: string;
  /** Where the list of predictions is: the steps of a JSON pointer. */
  readonly steps: readonly string[];
  readonly table: PredictionTable;
}

/** Reads a reply whose predictions are a list with one item per row, somewhere in a JSON text. Throws REPLY_MISMATCH. */
export function readListedReply(
  { target, steps, table }: ListedReply,
  body: Uint8Array,
  rows: number,
  description: DeploymentDescription,
): ReplyTable {
  const found: { outcomes?: RowOutcomes } = {};
  const visit = (at: number): number => {
    const { outcomes, end } = readList(target, body, at, rows);
    found.outcomes = outcomes;
    return end;
  };
  readJson(target, () => visitValue(body, steps, visit));
  if (found.outcomes === undefined) throw replyMismatch(target, `has nothing at /${steps.join('/')}`);
  return table.read(found.outcomes, description);
}

/** Says of a text that is no JSON that the reply does not match. */
export function readJson<T>(target: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof SyntaxError) throw replyMismatch(target, 'is not JSON, or breaks off', error);
    throw error;
  }
}
