import { SluiceError } from '../core/error.ts';
import { sameJson } from '../core/json.ts';
import { type JobIdentity, jobDifferences } from '../core/ledger.ts';

/** What makes a part the same one on a continuation. */
export function partIdentity(job: JobIdentity, split: string, from: number): JobIdentity {
  return { ...job, split, from };
}

/**
 * The offset that a published part reaches (exclusive); null when it is not the one that is meant. A job may change its settings behind a
 * part, but one that reads for another group has nothing of what is there: LEDGER_OTHER_JOB.
 * @param found as the manifest has it.
 * @param meant a `partIdentity`.
 */
export function throughOfPart(found: JobIdentity, meant: JobIdentity): number | null {
  const { split, from, through, intake = null } = found;
  if (typeof split !== 'string' || split !== meant['split']) return null;
  if (typeof from !== 'number' || from !== meant['from']) return null;
  if (typeof through !== 'number' || through <= from) return null;
  if (sameJson(intake, meant['intake'] ?? null)) return through;
  const differences = jobDifferences(found, { ...meant, through }).join('; ');
  throw new SluiceError(
    'LEDGER_OTHER_JOB',
    `${split} is in the output already from offset ${from} to ${through}, from another job (${differences}); write to another place, or read with the same group`,
  );
}
