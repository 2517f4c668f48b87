import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { type JobInput, type JobResult, runJob } from '../../src/index.ts';

/** How far two lists of strongest features agree, as shares of rows. */
export interface Agreement {
  readonly rows: number;
  /** The same features among the strongest, in any order. */
  readonly sameSet: number;
  /** Mean share of the strongest features that both name. */
  readonly overlap: number;
  readonly sameFirst: number;
}

export interface AgreementCase {
  readonly server: string;
  readonly deployment: string;
  /** With a header. */
  readonly csv: string;
  /** Features that are compared. */
  readonly top: number;
  readonly explanation: JobInput['explanation'];
}

/** Explains rows by occlusion, and by the server's own exact SHAP, in two jobs. */
export async function agreementOf({ server, deployment, csv, top, explanation }: AgreementCase): Promise<{
  readonly agreement: Agreement;
  readonly occlusion: JobResult;
}> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-agreement-'));
  try {
    const file = join(folder, 'rows.csv');
    writeFileSync(file, csv);
    const job = { deployment: { id: deployment, server }, intakeSettings: { file }, maxExplanations: top } as const;
    const run = async (settings: Partial<JobInput>, name: string) => {
      const path = join(folder, name);
      const result = await runJob({ ...job, ...settings, outputSettings: { path } }).result;
      const rows = parse(readFileSync(path), { columns: true }) as Record<string, string>[];
      return { result, features: rows.map((row) => strongest(row, top)) };
    };
    const shap = await run({}, 'shap.csv');
    const occlusion = await run({ explanationAlgorithm: 'occlusion', explanation }, 'occlusion.csv');
    return { agreement: compared(shap.features, occlusion.features), occlusion: occlusion.result };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function strongest(row: Readonly<Record<string, string>>, top: number): readonly string[] {
  return Array.from({ length: top }, (_, i) => row[`EXPLANATION_${i + 1}_FEATURE_NAME`] ?? '');
}

function compared(a: readonly (readonly string[])[], b: readonly (readonly string[])[]): Agreement {
  let [sameSet, overlap, sameFirst] = [0, 0, 0];
  for (const [row, features] of a.entries()) {
    const common = features.filter((feature) => b[row]!.includes(feature)).length;
    overlap += common / features.length;
    if (common === features.length) sameSet += 1;
    if (features[0] === b[row]![0]) sameFirst += 1;
  }
  const rows = a.length;
  return { rows, sameSet: sameSet / rows, overlap: overlap / rows, sameFirst: sameFirst / rows };
}
