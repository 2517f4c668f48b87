import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { runUntilKilled, runWholeOutput, SinkPlan, type SinkPlanSize } from '../../src/testing.ts';

/*
 * Writes a whole output and dies by SIGKILL in place of its n-th operation that changes the file system. A write that is
 * not allowed to happen leaves half of its bytes, as a kill in the middle of it may. Or it dies at a moment of the run, by name.
 */
const [path = '', size = '', operation = '', spool = ''] = process.argv.slice(2);
const moment = operation === 'written' || operation === 'committed' ? operation : null;
let left = moment === null ? Number(operation) : Number.POSITIVE_INFINITY;

function dieInTime(): boolean {
  left -= 1;
  return left < 0;
}

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  // The signal is delivered before this call returns to the program.
  throw new Error('still alive');
}

type Changing = (...args: unknown[]) => Promise<unknown>;

function guard(target: object, name: string): void {
  const methods = target as Record<string, Changing>;
  const original = methods[name]!;
  methods[name] = async function (this: unknown, ...args: unknown[]) {
    const reading = name === 'open' && (args[1] === undefined || args[1] === 'r');
    if (!reading && dieInTime()) {
      const [bytes, offset, length, position] = args;
      if (name === 'write' && bytes instanceof Uint8Array && typeof length === 'number') {
        await original.call(this, bytes, offset, Math.floor(length / 2), position);
      }
      die();
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

const plan = new SinkPlan(JSON.parse(size) as SinkPlanSize);
const sink = /^https?:/.test(path)
  ? (await import('./http-output.ts')).httpSink(path, spool, false)
  : (await import('./file-output.ts')).fileSink(path, false);
if (moment !== null) await runUntilKilled(sink, plan, moment);
await runWholeOutput(sink, plan, new AbortController().signal);
