import { flushCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * The environment of processes that are started again and again to be killed: what the first of them has compiled the others load, which
 * takes a third of the time. A process that is killed writes nothing, so each calls `keepCompiled` when it is loaded.
 */
export function compiledEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'sluice-tests-compiled') };
}

/** Called by the child. */
export function keepCompiled(): void {
  flushCompileCache();
}
