import { flushCompileCache } from 'node:module';

/** Called by processes that are killed, once they are loaded: what they have compiled is kept for the next ones, which a kill would lose. */
export function keepCompiled(): void {
  flushCompileCache();
}
