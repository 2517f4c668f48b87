import { readlink, rm } from 'node:fs/promises';
import { thisProcess } from '../../codecs/objects/writing-process.ts';
import { resultPath } from './body/described-job.ts';

/**
 * Takes away the lock of a result that a process of another machine has left. Nobody here can tell whether that one lives, so the file
 * itself counts it as alive; who has the claim of the job knows that it may not write any more. Those of this machine are left to the file.
 * @param folder of the job.
 */
export async function removeForeignLock(folder: string): Promise<void> {
  const lock = `${resultPath(folder)}.lock`;
  const text = await readlink(lock).catch(() => null);
  if (text === null) return;
  const { host } = JSON.parse(text) as { readonly host?: string };
  if (host !== (await thisProcess()).host) await rm(lock, { force: true });
}
