import type { Writable } from 'node:stream';
import type { JobRun } from '../jobs/job-run.ts';
import { progressJson, progressLine } from './progress-text.ts';

/** The setting `--progress`. */
export const progressModes = ['auto', 'bar', 'json', 'none'] as const;
export type ProgressMode = (typeof progressModes)[number];

/** Without a terminal a log gets a line this often, in looks (about a second each). */
const LOOKS_PER_LOG_LINE = 10;

/** Where progress goes: a stream that may be a terminal. */
export type Display = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/**
 * Shows a run until it ends, on standard error (standard output may be the scored rows): one line that is rewritten on a
 * terminal, a line every ten seconds in a log, or one JSON line a second.
 */
export async function showProgress(run: JobRun, mode: ProgressMode, out: Display): Promise<void> {
  if (mode === 'none') {
    await run.result.catch(() => undefined);
    return;
  }
  const rewrite = mode === 'bar' || (mode === 'auto' && out.isTTY === true);
  let looks = 0;
  for await (const progress of run) {
    if (mode === 'json') out.write(`${progressJson(progress)}\n`);
    else if (rewrite) out.write(`\r\u001B[K${progressLine(progress).slice(0, (out.columns ?? 160) - 1)}`);
    else if (looks > 0 && looks % LOOKS_PER_LOG_LINE === 0) out.write(`${progressLine(progress)}\n`);
    looks += 1;
  }
  if (rewrite) out.write('\n');
}
