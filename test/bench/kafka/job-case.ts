import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { type RunJobOptions, runJob } from '../../../src/index.ts';

/** What a case is told, as JSON in its first argument. */
export interface JobCaseInput {
  readonly job: Parameters<typeof runJob>[0];
  /** A job without an end is stopped when it has done so many. */
  readonly rows: number;
  readonly live: boolean;
  /** Where a CPU profile of it goes. */
  readonly profile: string | null;
}

/** What a case says of itself, as JSON on its last line. */
export interface JobCaseOutput {
  readonly rows: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Largest resident set, in MB. */
  readonly peakMb: number;
  readonly stages: string;
}

const options: RunJobOptions = { overwrite: true };
const { job, rows, live, profile } = JSON.parse(process.argv[2] ?? '{}') as JobCaseInput;
const session = profile === null ? null : new Session();
session?.connect();
await session?.post('Profiler.enable');
await session?.post('Profiler.start');
const cpu = process.cpuUsage();
const start = performance.now();
const run = runJob(job, options);
if (live) {
  const failed = run.result.then(
    () => undefined,
    (error: unknown) => error,
  );
  while (run.progress().tally.read < rows) {
    const over = await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, 5, 'wait'))]);
    if (over !== 'wait') throw over;
  }
} else {
  await run.result;
}
if (live) {
  // Rows that were accepted count when they are written: a stopped job ends with everything scored, acknowledged and committed.
  run.stop();
  await run.result.catch(() => undefined);
}
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(cpu);
const { stages, tally } = run.progress();
if (session !== null && profile !== null) {
  const { profile: found } = await session.post('Profiler.stop');
  writeFileSync(profile, JSON.stringify(found));
}
const shares = stages.map(({ stage, milliseconds }) => {
  const total = Object.values(milliseconds).reduce((sum, ms) => sum + ms, 0);
  const parts = Object.entries(milliseconds).filter(([, ms]) => ms > 0.005 * total);
  return `${stage}: ${parts.map(([activity, ms]) => `${activity} ${Math.round((100 * ms) / total)} %`).join(', ')}`;
});
const outcome: JobCaseOutput = {
  rows: tally.scored,
  seconds,
  cpuSeconds: (user + system) / 1e6,
  peakMb: process.resourceUsage().maxRSS / 1024,
  stages: shares.filter((share) => !share.endsWith(': ')).join(' | '),
};
console.log(JSON.stringify(outcome));
process.exit(0);
