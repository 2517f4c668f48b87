import { thousands } from '../core/thousands.ts';
import type { JobResult, Progress } from '../jobs/job-run.ts';

/** 1234567 as `1,234,567`. */
export function count(value: number): string {
  return thousands(value);
}

/** Rows per second, short: `950 rows/s`, `12.3 k rows/s`, `1.52 M rows/s`. */
export function rate(rowsPerSecond: number): string {
  if (rowsPerSecond >= 1e6) return `${(rowsPerSecond / 1e6).toFixed(2)} M rows/s`;
  if (rowsPerSecond >= 1e4) return `${(rowsPerSecond / 1e3).toFixed(1)} k rows/s`;
  return `${count(rowsPerSecond)} rows/s`;
}

/** A duration as `0:07`, `12:30` or `1:02:03`. */
function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const minutes = h > 0 ? `${h}:${String(m).padStart(2, '0')}` : String(m);
  return `${minutes}:${String(s).padStart(2, '0')}`;
}

/** The progress line of a terminal. */
export function progressLine(progress: Progress): string {
  const { tally, bytesRead, bytesTotal } = progress;
  const percent = bytesTotal === null || bytesTotal === 0 ? null : Math.min(100, (100 * bytesRead) / bytesTotal);
  const parts = [
    progress.state,
    `${count(tally.read)} rows`,
    percent === null ? null : `${percent.toFixed(1)} %`,
    rate(progress.rowsPerSecond),
    `${progress.inFlight}${progress.limit === null ? '' : ` of ${progress.limit}`} in flight`,
    `${count(tally.failed)} failed`,
    tally.skipped > 0 ? `${count(tally.skipped)} skipped` : null,
    progress.explanations === null ? null : `${count(progress.explanations.copies)} copies`,
    progress.topics?.lag == null ? null : `lag ${count(progress.topics.lag)}`,
    progress.topics?.workers == null ? null : `${progress.topics.workers} workers`,
    progress.etaMs === null ? null : `ETA ${duration(progress.etaMs)}`,
    progress.detail === '' ? null : progress.detail,
  ];
  return parts.filter((part) => part !== null).join('  ');
}

/** One JSON line for programs that watch a run; the names and units are stable. */
export function progressJson(progress: Progress): string {
  const { tally, latency } = progress;
  return JSON.stringify({
    state: progress.state,
    detail: progress.detail,
    rows: tally.read,
    scored: tally.scored,
    failed: tally.failed,
    skipped: tally.skipped,
    continuedFrom: progress.continuedFrom,
    bytesRead: progress.bytesRead,
    bytesTotal: progress.bytesTotal,
    rowsPerSecond: Math.round(progress.rowsPerSecond),
    inFlight: progress.inFlight,
    limit: progress.limit,
    elapsedMs: Math.round(progress.elapsedMs),
    etaMs: progress.etaMs === null ? null : Math.round(progress.etaMs),
    latencyP50Ms: latency?.p50 ?? null,
    latencyP99Ms: latency?.p99 ?? null,
    requests: progress.requests,
    retries: progress.retries,
    ...(progress.explanations === null ? {} : { explanations: progress.explanations }),
    ...(progress.topics === null ? {} : { topics: progress.topics }),
  });
}

/** The last words of a run that ended well. */
export function summary({ manifest, progress }: JobResult, output: string): string {
  const { tally } = manifest;
  const took = `${count(tally.read - progress.continuedFrom)} rows in ${(progress.elapsedMs / 1000).toFixed(1)} s (${rate(progress.rowsPerSecond)})`;
  const continued = progress.continuedFrom > 0 ? `, continued after ${count(progress.continuedFrom)}` : '';
  const dead = manifest.objects.find((object) => object.role === 'deadLetters' && object.records > 0);
  const bad =
    tally.failed + tally.skipped > 0
      ? `; ${count(tally.failed)} failed, ${count(tally.skipped)} skipped${dead === undefined ? '' : `, see ${dead.name}`}`
      : '';
  return `${output}: ${count(tally.scored)} rows scored, ${took}${continued}${bad}`;
}
