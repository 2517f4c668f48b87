import { once } from 'node:events';
import { createFileStore } from '../../connectors/file/file-store.ts';

/*
 * A process that takes an output when it is told to, says what came of it, and keeps the output until its standard input ends. It
 * writes and commits one line at once, so that a run behind it has something to continue.
 */
const { signal } = new AbortController();
console.log('ready');
await once(process.stdin, 'data');
try {
  const output = await createFileStore().stage(process.argv[2] ?? '', { overwrite: false }, signal);
  const line = output.found === null ? 'first\n' : 'next\n';
  await output.append('rows', Buffer.from(line), signal);
  await output.commit(process.pid, signal);
  console.log('taken');
  await once(process.stdin, 'end');
  await output.close();
} catch (error) {
  console.log(error instanceof Error && 'code' in error ? String(error.code) : String(error), String(error));
  process.stdin.destroy();
}
