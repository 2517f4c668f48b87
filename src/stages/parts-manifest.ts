import type { JobIdentity, Manifest } from '../core/ledger.ts';

/** What makes a part the same one on a continuation. */
export function partIdentity(job: JobIdentity, split: string, from: number): JobIdentity {
  return { ...job, split, from };
}

/** The offset that a published part reaches (exclusive); null when the manifest is not that of the part that begins at `from`. */
export function throughOfPart(manifest: Pick<Manifest, 'job'>, split: string, from: number): number | null {
  const { split: itsSplit, from: itsFrom, through } = manifest.job;
  return itsSplit === split && itsFrom === from && typeof through === 'number' && through > from ? through : null;
}
