import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { keepCompiled } from './compiled-child.ts';

type Changing = (...args: unknown[]) => Promise<unknown>;

/**
 * From here on this process dies by SIGKILL in place of its n-th operation that changes the file system. A write that is not allowed to
 * happen leaves half of its bytes, as a kill in the middle of it may.
 */
export async function dieInTime(operation: number): Promise<void> {
  keepCompiled();
  let left = operation;

  function guard(target: object, name: string): void {
    const methods = target as Record<string, Changing>;
    const original = methods[name]!;
    methods[name] = async function (this: unknown, ...args: unknown[]) {
      const reading = name === 'open' && (args[1] === undefined || args[1] === 'r');
      if (!reading) left -= 1;
      if (!reading && left < 0) {
        const [bytes, offset, length, position] = args;
        if (name === 'write' && bytes instanceof Uint8Array && typeof length === 'number') {
          await original.call(this, bytes, offset, Math.floor(length / 2), position);
        }
        process.kill(process.pid, 'SIGKILL');
        // The signal is delivered before this call returns to the program.
        throw new Error('still alive');
      }
      return original.apply(this, args);
    };
  }

  const self = await fs.open(import.meta.filename, 'r');
  const handles = Object.getPrototypeOf(self) as object;
  await self.close();
  for (const name of ['write', 'writeFile', 'sync', 'datasync', 'truncate']) guard(handles, name);
  for (const name of ['open', 'rename', 'rm', 'unlink', 'symlink', 'link', 'writeFile', 'truncate']) guard(fs, name);
  syncBuiltinESMExports();
}
