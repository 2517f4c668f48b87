import { randomUUID } from 'node:crypto';
import { readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { livenessOf, SluiceError, thisProcess, type WritingProcess } from '../../src/sdk.ts';
import { errnoOf } from './file-fault.ts';

/** Who holds a lock. */
interface Holder extends WritingProcess {
  /** Unique for each locking. */
  readonly nonce: string;
}

/**
 * The right to write one output, held from `lockFile` until `release`. It is a file; one left by a process that is gone (kill -9, a reboot)
 * is taken over. Processes on other hosts count as alive, because nobody here can tell.
 */
export interface FileLock {
  release(): Promise<void>;
}

/**
 * Locks `path`. Throws OUTPUT_LOCKED naming the process that holds it.
 * @param output for messages.
 */
export async function lockFile(path: string, output: string): Promise<FileLock> {
  const me: Holder = { ...(await thisProcess()), nonce: randomUUID() };
  await acquire(path, path, me, output);
  return {
    release: async () => {
      // A lock that somebody removed by hand may be another run's by now.
      if ((await holderOf(path, path, output))?.nonce === me.nonce) await rm(path, { force: true });
    },
  };
}

/** Throws OUTPUT_LOCKED, as `lockFile` would, when a process that may be alive holds the lock; takes nothing. */
export async function assertUnlocked(path: string, output: string): Promise<void> {
  const holder = await holderOf(path, path, output);
  if (holder !== null && (await livenessOf(holder)) !== 'gone')
    throw locked(holder, path, output, (await thisProcess()).host);
}

/**
 * Two processes may find the same dead lock. The one that creates the claim named after the dead lock's nonce may replace
 * it, no other ever; a claim whose process died is taken over in the same way. A claim made too late, when the dead
 * lock is gone already, is withdrawn.
 */
async function acquire(target: string, lock: string, me: Holder, output: string): Promise<void> {
  for (;;) {
    if (await create(target, JSON.stringify(me))) return;
    const other = await holderOf(target, lock, output);
    if (other === null) continue;
    // A process on another host counts as alive.
    if ((await livenessOf(other)) !== 'gone') {
      throw locked(other, lock, output, me.host);
    }
    const claim = `${lock}.${other.nonce}`;
    await acquire(claim, lock, me, output);
    if ((await holderOf(target, lock, output))?.nonce === other.nonce) {
      await rename(claim, target);
      return;
    }
    await rm(claim, { force: true });
  }
}

function locked(other: Holder, lock: string, output: string, here: string): SluiceError {
  return new SluiceError(
    'OUTPUT_LOCKED',
    `${output} is being written by process ${other.pid} on ${other.host}. Wait for it, stop it, or choose another path` +
      (other.host === here ? '.' : `; if that process is gone, remove ${lock}.`),
  );
}

/**
 * Creates the file with its content in one step, as no other call does: the text is the target of a symbolic link. A file
 * that is created and then written would be empty after a kill in between. File systems without links get the file.
 */
async function create(path: string, text: string): Promise<boolean> {
  try {
    await symlink(text, path);
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'EEXIST') return false;
    if (errno !== 'EPERM' && errno !== 'ENOTSUP' && errno !== 'ENOSYS') throw error;
  }
  try {
    await writeFile(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function holderOf(path: string, lock: string, output: string): Promise<Holder | null> {
  let text: string;
  try {
    text = await readlink(path).catch((error: unknown) => {
      if (errnoOf(error) === 'EINVAL' || errnoOf(error) === 'UNKNOWN') return readFile(path, 'utf8');
      throw error;
    });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
  const holder = parseHolder(text);
  if (holder !== null) return holder;
  throw new SluiceError(
    'OUTPUT_LOCKED',
    `${output} has a lock that does not say whose it is. If nothing writes this output, remove ${lock}.`,
  );
}

function parseHolder(text: string): Holder | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    const { pid, host, started, boot, nonce } = value as Partial<Record<keyof Holder, unknown>>;
    if (typeof pid !== 'number' || typeof host !== 'string' || typeof nonce !== 'string') return null;
    if (!/^[0-9a-f-]{36}$/.test(nonce)) return null;
    return {
      pid,
      host,
      nonce,
      started: typeof started === 'string' ? started : null,
      boot: typeof boot === 'string' ? boot : null,
    };
  } catch {
    return null;
  }
}
