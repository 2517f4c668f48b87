import { type VerifyReport, verifyOutput } from '../codecs/objects/verify-output.ts';
import { namedStore, type StoreAccess } from './named-store.ts';

/** Checks the output of that name, a path or an s3:// address. See `verifyOutput`. */
export async function verifyNamedOutput(
  name: string,
  access: StoreAccess = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<VerifyReport> {
  await using store = namedStore(name, access);
  return await verifyOutput(store, name, signal);
}
