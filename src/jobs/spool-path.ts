import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';

/** The file that an output grows in until it is sent: one for each address and method, told from others of the same name. */
export function spoolPath(
  folder: string,
  { name, method }: { readonly name: string; readonly method: string },
): string {
  const digest = createHash('sha256').update(`${method} ${name}`).digest('hex').slice(0, 12);
  const { host, pathname } = new URL(name);
  const words = `${host}-${basename(pathname) || 'output'}`.replaceAll(/[^\w.-]+/g, '_').slice(-80);
  return join(folder, 'uploads', digest, words);
}
