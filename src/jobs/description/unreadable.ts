import { SluiceError } from '../../core/error.ts';

/** A job or configuration file that cannot be read, with the reason in words. */
export function unreadable(file: string, error: unknown): SluiceError {
  return new SluiceError('CONFIG_UNREADABLE', `${file} cannot be read: ${reasonOf(error)}.`, { cause: error });
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EISDIR') return 'it is a folder';
  return code === 'EACCES' ? 'its rights do not allow it' : String(code ?? error);
}
