import { readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

/** CPU seconds that another process has used since it began, by Linux's /proc; null where that is not to be had. */
export function processCpu(pid: number | null | undefined): number | null {
  if (pid === null || pid === undefined) return null;
  try {
    // Behind the name in parentheses, which may hold anything: state first, user and system time as the 12th and 13th.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return null;
  }
}
