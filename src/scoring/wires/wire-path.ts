import { SluiceError } from '../../core/error.ts';

/** The path of a server's address, without a slash at its end: what routes are appended to. Throws CONFIG_INVALID. */
export function basePath(server: string): string {
  if (URL.canParse(server)) return new URL(server).pathname.replace(/\/+$/, '');
  throw new SluiceError('CONFIG_INVALID', 'deployment.server is not an address. Write it like http://127.0.0.1:8100.');
}

/** For messages: which deployment of which server. */
export function targetOf(server: string, deploymentId: string): string {
  return `deployment ${deploymentId} at ${new URL(server).origin}`;
}
