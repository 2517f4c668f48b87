import { dirname } from 'node:path';
import { messageOf, SluiceError } from '../../src/sdk.ts';

/** The name of a failed system call's error (`ENOENT`), or undefined for everything else that is thrown. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** What a failure to read `path` means for a job; errors that are not of the file system come back as they are. */
export function intakeFault(error: unknown, path: string): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  if (errno === 'ENOENT' || errno === 'ENOTDIR') {
    return new SluiceError('INTAKE_NOT_FOUND', `There is no file ${path}. Check the path in intakeSettings.`, {
      cause: error,
    });
  }
  const reason =
    errno === 'EACCES' || errno === 'EPERM'
      ? 'this user has no right to read it. Give it the right, or run as another user.'
      : errno === 'EISDIR'
        ? 'it is a folder. Name a file in it.'
        : `${messageOf(error)}. Check the file and its disk.`;
  return new SluiceError('INTAKE_UNREADABLE', `${path} cannot be read: ${reason}`, { cause: error });
}

/** The same for a failure to write the output `path` or a file beside it. */
export function outputFault(error: unknown, path: string): unknown {
  const errno = errnoOf(error);
  const folder = dirname(path);
  switch (errno) {
    case undefined:
      return error;
    case 'ENOSPC':
    case 'EDQUOT':
      return new SluiceError(
        'OUTPUT_FULL',
        `There is no space left for ${path} in ${folder}. Free some and run the same job again: it continues behind the last commit.`,
        { cause: error },
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new SluiceError(
        'OUTPUT_UNWRITABLE',
        `${path} cannot be written: ` +
          (errno === 'EROFS' ? `the folder ${folder} is read-only.` : `this user has no right to write in ${folder}.`) +
          ' Choose another folder, or change its rights.',
        { cause: error },
      );
    case 'ENOENT':
    case 'ENOTDIR':
      return new SluiceError(
        'OUTPUT_UNWRITABLE',
        `${path} cannot be written: there is no folder ${folder}. Create it, or correct the path.`,
        { cause: error },
      );
    default:
      return new SluiceError(
        'OUTPUT_UNWRITABLE',
        `${path} cannot be written: ${messageOf(error)}. Check the folder ${folder} and its disk.`,
        { cause: error },
      );
  }
}
