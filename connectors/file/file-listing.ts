import { glob, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ObjectInfo, SluiceError } from '../../src/sdk.ts';
import { errnoOf, intakeFault } from './file-fault.ts';
import { isOwnFile } from './output-paths.ts';

/**
 * The files that a name, a folder or a pattern stands for, sorted by path. A folder stands for the files directly in it.
 * Folders and patterns leave out hidden files (unless the pattern asks for them) and what Sluice keeps beside its outputs;
 * a name that exists is never taken for a pattern. Throws INTAKE_NOT_FOUND and INTAKE_UNREADABLE.
 */
export async function listFiles(pattern: string, signal: AbortSignal): Promise<readonly ObjectInfo[]> {
  signal.throwIfAborted();
  const kind = await kindOf(pattern);
  if (kind === 'file') return [await fileInfo(pattern)];
  if (kind === 'other') {
    throw new SluiceError(
      'INTAKE_UNREADABLE',
      `${pattern} is a device or a pipe, which cannot be read again after an interruption. ` +
        'Give a file, or pass the data by standard input.',
    );
  }
  const found = kind === 'folder' ? await filesIn(pattern) : isPattern(pattern) ? await matches(pattern, signal) : [];
  if (found.length > 0) return found;
  const message =
    kind === 'folder'
      ? `The folder ${pattern} holds no files to read; hidden files, folders within it and files that Sluice made beside an output do not count.`
      : isPattern(pattern)
        ? `No file matches ${pattern}.`
        : `There is no file ${pattern}.`;
  throw new SluiceError('INTAKE_NOT_FOUND', `${message} Check the path in intakeSettings.`);
}

async function kindOf(path: string): Promise<'file' | 'folder' | 'other' | 'nothing'> {
  try {
    const found = await stat(path);
    return found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other';
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR' || (errno === 'ENAMETOOLONG' && isPattern(path))) return 'nothing';
    throw intakeFault(error, path);
  }
}

async function filesIn(folder: string): Promise<readonly ObjectInfo[]> {
  try {
    const names = await readdir(folder);
    return await regularFiles(names.filter((name) => !name.startsWith('.')).map((name) => join(folder, name)));
  } catch (error) {
    throw intakeFault(error, folder);
  }
}

async function matches(pattern: string, signal: AbortSignal): Promise<readonly ObjectInfo[]> {
  const hiddenWanted = hasHiddenPart(pattern);
  const paths: string[] = [];
  try {
    for await (const path of glob(pattern)) {
      signal.throwIfAborted();
      if (hiddenWanted || !hasHiddenPart(path)) paths.push(path);
    }
  } catch (error) {
    throw intakeFault(error, pattern);
  }
  return regularFiles(paths);
}

async function regularFiles(paths: readonly string[]): Promise<readonly ObjectInfo[]> {
  const files: ObjectInfo[] = [];
  for (const path of paths.filter((path) => !isOwnFile(path)).toSorted((a, b) => (a < b ? -1 : 1))) {
    if ((await kindOf(path)) === 'file') files.push(await fileInfo(path));
  }
  return files;
}

async function fileInfo(path: string): Promise<ObjectInfo> {
  try {
    const { size, mtimeNs } = await stat(path, { bigint: true });
    const bytes = Number(size);
    return { key: path, bytes, version: { bytes, modified: String(mtimeNs) } };
  } catch (error) {
    throw intakeFault(error, path);
  }
}

function isPattern(path: string): boolean {
  return /[*?[{]/.test(path);
}

function hasHiddenPart(path: string): boolean {
  return path.split('/').some((part) => part.startsWith('.') && part !== '.' && part !== '..');
}
