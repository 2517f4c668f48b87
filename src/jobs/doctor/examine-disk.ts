import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { SluiceError } from '../../core/error.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { byteText } from '../plan/byte-text.ts';
import type { ExamineOptions } from './examine-options.ts';
import type { Finding } from './finding.ts';
import { looked } from './looking.ts';

/** Less than this free is told as a fault, whatever the job writes. */
const LEAST_BYTES = 100_000_000;

/** How much room there is where the job writes on this machine. */
export async function examineDisk(job: JobDescription, options: ExamineOptions): Promise<readonly Finding[]> {
  const folders = new Set(localPaths(job).map(nearestFolder));
  return await Promise.all([...folders].map((folder) => looked('disk', () => spaceWords(folder), options)));
}

/** The files of this machine that a job writes. */
export function localPaths({ outputSettings: output, deadLetters }: JobDescription): readonly string[] {
  // What is sent to an address grows in a file until then.
  const own = output.type === 'localFile' ? output.path : output.type === 'http' ? output.spool : null;
  const paths = [own, deadLetters.path];
  return paths.filter((path) => path !== null && path !== '-' && !path.startsWith('s3://')) as readonly string[];
}

/** The folder of a file, or the nearest one above it that is there. */
export function nearestFolder(path: string): string {
  let folder = dirname(resolve(path));
  while (!existsSync(folder)) folder = dirname(folder);
  return folder;
}

/** Bytes that this user may still write in a folder; null where the file system does not say. */
export async function freeBytes(folder: string): Promise<number | null> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return blocks === 0 ? null : bavail * bsize;
}

async function spaceWords(folder: string): Promise<string> {
  const free = await freeBytes(folder);
  if (free === null) return `${folder} does not say how much room it has`;
  if (free >= LEAST_BYTES) return `${byteText(free)} free in ${folder}`;
  throw new SluiceError('OUTPUT_FULL', `only ${byteText(free)} are free in ${folder}; free some, or write elsewhere`);
}
