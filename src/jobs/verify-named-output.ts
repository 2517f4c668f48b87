import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type VerifyReport, verifyOutput } from '../codecs/objects/verify-output.ts';
import { WHOLE_MARK } from '../codecs/partitions/folder-mark.ts';
import { namedStore, type StoreAccess } from './named-store.ts';

/** Checks the output of that name, a path or an s3:// address. See `verifyOutput`. */
export async function verifyNamedOutput(
  name: string,
  access: StoreAccess = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<VerifyReport> {
  await using store = namedStore(name, access);
  return await verifyOutput(store, outputKey(name), signal);
}

/** A folder is an output that is divided by columns: what stands for it is its mark. */
function outputKey(name: string): string {
  if (name.endsWith('/')) return `${name}${WHOLE_MARK}`;
  const isFolder = !name.startsWith('s3://') && statSync(name, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder ? join(name, WHOLE_MARK) : name;
}
