import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';

/** A process, told from all others. Its id alone is not enough: it is used again, after a reboot for certain. */
export interface WritingProcess {
  readonly pid: number;
  readonly host: string;
  /** When it was started, in clock ticks since the boot; null where the system has no /proc. */
  readonly started: string | null;
  readonly boot: string | null;
}

/** The process that this code runs in. */
export async function thisProcess(): Promise<WritingProcess> {
  return { pid: process.pid, host: hostname(), ...(await processTimes('self')) };
}

/** Whether a process still runs; `unknown` for one on another host. */
export async function livenessOf(writer: WritingProcess): Promise<'alive' | 'gone' | 'unknown'> {
  if (writer.host !== hostname()) return 'unknown';
  const { boot } = await processTimes('self');
  if (boot !== null && writer.boot !== null && boot !== writer.boot) return 'gone';
  try {
    process.kill(writer.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 'gone';
  }
  if (writer.started === null) return 'alive';
  const { started } = await processTimes(writer.pid);
  return started === writer.started ? 'alive' : 'gone';
}

/** `started` is null for a process that has ended, also for one whose parent has not taken notice of it yet. */
async function processTimes(pid: number | 'self'): Promise<Pick<WritingProcess, 'started' | 'boot'>> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name of the program, in brackets, and may hold anything, spaces and brackets too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, started] = [fields[0], fields[19] ?? null];
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    return { started: state === 'Z' || state === 'X' ? null : started, boot };
  } catch {
    return { started: null, boot: null };
  }
}
