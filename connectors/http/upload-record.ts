import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What stands beside an output that is to replace something, is being sent, or was. */
export interface UploadRecord {
  /** `sending`: from here on the output is finished but for the server's word; the next run sends it again. */
  readonly state: 'open' | 'sending' | 'sent';
  readonly idempotencyKey: string;
  /** Whether the run was told to replace what is there. */
  readonly replace: boolean;
  /** ISO 8601, UTC. */
  readonly at: string;
}

/** The record of an output; null when there is none. */
export async function readRecord(path: string): Promise<UploadRecord | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const value = JSON.parse(text) as Partial<UploadRecord>;
    const { state, idempotencyKey, replace, at } = value;
    if (state !== 'open' && state !== 'sending' && state !== 'sent') return null;
    return { state, idempotencyKey: idempotencyKey ?? '', replace: replace === true, at: at ?? '' };
  } catch {
    return null;
  }
}

/** Replaces the record as a whole: whoever reads it, also after a crash, sees the old one or the new one. */
export async function writeRecord(path: string, record: UploadRecord): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.tmp`;
  {
    await using handle = await open(temporary, 'w');
    await handle.writeFile(`${JSON.stringify(record)}\n`);
    await handle.sync();
  }
  await rename(temporary, path);
}

export async function removeRecord(path: string): Promise<void> {
  await rm(path, { force: true });
}
