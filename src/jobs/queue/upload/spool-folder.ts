import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '../../../core/error.ts';

/** How an upload ended; it stands in `upload.json` of its folder, and is not there before. */
export interface SpoolEnd {
  readonly version: 1;
  /** Bytes of all parts. */
  readonly bytes: number;
  readonly parts: number;
}

/**
 * The files of an upload. A single one grows in its first part. Parts of several take their name when they are whole. Several processes may
 * look at them at once.
 */
export class SpoolFolder {
  readonly path: string;
  readonly multipart: boolean;

  constructor(path: string, { multipart }: { readonly multipart: boolean }) {
    this.path = path;
    this.multipart = multipart;
  }

  part(number: number): string {
    return join(this.path, `part-${String(number).padStart(6, '0')}.csv`);
  }

  /** Where a part of several grows until it is whole. @param attempt tells those that come at once. */
  partial(number: number, attempt: string): string {
    return `${this.part(number)}.${attempt}.partial`;
  }

  async make(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
  }

  /** Bytes of a part; null when it is not there. */
  async bytesOf(number: number): Promise<number | null> {
    const found = await stat(this.part(number)).catch(orNull);
    return found === null ? null : found.size;
  }

  /** The numbers of the parts that are there, ascending. */
  async parts(): Promise<readonly number[]> {
    const names = (await readdir(this.path).catch(orNull)) ?? [];
    return names
      .flatMap((name) => /^part-(\d{6})\.csv$/.exec(name)?.[1] ?? [])
      .map(Number)
      .toSorted((a, b) => a - b);
  }

  /** When something of it was written last, in milliseconds since 1970; null: nothing yet. */
  async lastWritten(): Promise<number | null> {
    const names = (await readdir(this.path).catch(orNull)) ?? [];
    const found = await Promise.all(names.map((name) => stat(join(this.path, name)).catch(orNull)));
    const times = found.flatMap((entry) => (entry === null ? [] : [entry.mtimeMs]));
    return times.length === 0 ? null : Math.max(...times);
  }

  /** Null while more may come. */
  async end(): Promise<SpoolEnd | null> {
    const text = await readFile(join(this.path, 'upload.json'), 'utf8').catch(orNull);
    if (text === null) return null;
    const end = JSON.parse(text) as SpoolEnd;
    if (end.version === 1) return end;
    throw new SluiceError('LEDGER_BROKEN', 'The upload was kept by another version of Sluice. Make the job again.');
  }

  /** More may come again. */
  async reopen(): Promise<void> {
    await rm(join(this.path, 'upload.json'), { force: true });
  }

  /** Says that all of it is there; what it says of the parts must be durable already. */
  async finish(end: SpoolEnd): Promise<void> {
    const file = join(this.path, 'upload.json');
    const temporary = `${file}.tmp`;
    {
      await using handle = await open(temporary, 'w');
      await handle.writeFile(JSON.stringify(end));
      await handle.sync();
    }
    await rename(temporary, file);
    await using folder = await open(this.path, 'r');
    await folder.sync().catch(() => undefined);
  }
}

function orNull(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
