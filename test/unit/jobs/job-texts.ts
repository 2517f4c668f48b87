import { type JobContext, type JobDescription, parseJob } from '../../../src/jobs/description/parse-job.ts';

/** A job with everything that must be given, and lines of one's own behind it. */
export function jobText(...lines: readonly string[]): string {
  return [
    'deployment: { id: flights, server: "http://127.0.0.1:8100" }',
    'intakeSettings: { file: flights.csv }',
    'outputSettings: { path: scored.csv }',
    ...lines,
    '',
  ].join('\n');
}

/** Reads a job that has an environment of its own. */
export function readJob(
  text: string,
  env: Readonly<Record<string, string>> = {},
  context: Omit<JobContext, 'env'> = {},
): JobDescription {
  return parseJob(text, 'job.yaml', { ...context, env });
}

/** Code and message of what a call throws; fails if it throws nothing. */
export function refusalOf(call: () => unknown): { readonly code: unknown; readonly message: string } {
  try {
    call();
  } catch (error) {
    if (error instanceof Error) return { code: 'code' in error ? error.code : undefined, message: error.message };
    throw error;
  }
  throw new Error('nothing was thrown');
}
