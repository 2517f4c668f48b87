import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** The folders of the jobs of a server, one for each that has an upload or a result here. Servers that share their jobs share them. */
export class JobFolders {
  readonly root: string;

  constructor(stateFolder: string) {
    this.root = resolve(stateFolder, 'jobs');
  }

  async make(): Promise<void> {
    await mkdir(this.root, { recursive: true, mode: 0o700 });
  }

  /** IDs are our own: 24 hexadecimal digits. Nothing else ever becomes a path. */
  of(id: string): string {
    if (!isJobId(id)) throw new RangeError('no id of a job');
    return join(this.root, id);
  }

  intake(id: string): string {
    return join(this.of(id), 'intake');
  }

  /** The folder of a job, made if it is not there. */
  async ensure(id: string): Promise<string> {
    await mkdir(this.of(id), { recursive: true, mode: 0o700 });
    return this.of(id);
  }

  async remove(id: string): Promise<void> {
    await rm(this.of(id), { recursive: true, force: true });
  }

  async removeIntake(id: string): Promise<void> {
    await rm(this.intake(id), { recursive: true, force: true });
  }

  /** Those that were made before `before` (milliseconds since 1970). */
  async olderThan(before: number): Promise<readonly string[]> {
    const names = await readdir(this.root).catch(() => []);
    const old: string[] = [];
    for (const id of names.filter(isJobId)) {
      const found = await stat(this.of(id)).catch(() => null);
      if (found !== null && found.mtimeMs < before) old.push(id);
    }
    return old;
  }
}

export function isJobId(text: string): boolean {
  return /^[0-9a-f]{24}$/.test(text);
}
