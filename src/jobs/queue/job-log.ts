import type { JobRecord } from './job-record.ts';

/** So many of the newest lines are kept, beside the first one. */
const LINES = 200;

/** `2026-11-28 12:00:00.123000`, UTC: times in log lines have microseconds. */
export function logTime(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 23).replace('T', ' ')}000`;
}

/** The log with one more line. A line says one thing in one line, in characters that can be seen; an empty one would break clients. */
export function withLine(logs: readonly string[], line: string): readonly string[] {
  const text = line.replaceAll(/[\s\p{C}]+/gu, ' ').trim() || '-';
  const all = [...logs, text];
  return all.length <= LINES + 1 ? all : [all[0]!, ...all.slice(-LINES)];
}

/** The newest line of a job. */
export function newestLine({ logs }: Pick<JobRecord, 'logs'>): string {
  return logs.at(-1) ?? '-';
}
