import { writeFileSync } from 'node:fs';
import { systemClock } from '../../src/core/clock.ts';
import type { KeptLetter } from '../../src/core/scored-batch.ts';
import { openLetterBoxes } from '../../src/jobs/dead-letters/letter-boxes.ts';
import { replayJob } from '../../src/jobs/dead-letters/replay-job.ts';
import type { ReplayOptions } from '../../src/jobs/dead-letters/replay-options.ts';
import type { ReplayReport } from '../../src/jobs/dead-letters/replay-report.ts';
import type { JobInput } from '../../src/jobs/description/job-description.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';

const never = new AbortController().signal;

/** Rows `id,text,grade` of which every seventh is bad for a server that cannot read `bad` texts; some of them look alike. */
export function rowsWithBadOnes(rows: number): string {
  const lines = Array.from({ length: rows }, (_, id) => `${id},${isBad(id) ? 'bad' : `text ${id % 3}`},${id % 5}`);
  return `id,text,grade\n${lines.join('\n')}\n`;
}

export function isBad(id: number): boolean {
  return id % 7 === 3;
}

/** Refuses the rows that `rowsWithBadOnes` has made bad. */
export const refusesBad = {
  reject: ([, text]: readonly string[]) => (text === 'bad' ? 'text must not be bad' : null),
};

export async function replay(
  job: JobInput,
  options: Partial<Omit<ReplayOptions, 'clock'>> = {},
): Promise<readonly ReplayReport[]> {
  const defaults = { clock: systemClock, anyModel: false, mended: new Map<string, Uint8Array>() };
  return await replayJob(resolveJob(job), { ...defaults, ...options }, never);
}

export async function lettersOf(job: JobInput): Promise<readonly KeptLetter[]> {
  await using boxes = await openLetterBoxes(resolveJob(job), systemClock, never);
  const letters: KeptLetter[] = [];
  for (const reader of boxes.readers) for await (const letter of reader.read(never)) letters.push(letter);
  return letters;
}

export function writeJob(path: string, job: JobInput): string {
  writeFileSync(path, JSON.stringify(job));
  return path;
}
