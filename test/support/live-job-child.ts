import { runJob } from '../../src/index.ts';
import { keepCompiled } from './compiled-child.ts';

// A process of its own that runs one live job (the description as JSON in the first argument), to be killed; SIGTERM drains it.
keepCompiled();
const run = runJob(JSON.parse(process.argv[2]!));
process.on('SIGTERM', () => run.stop());
// A pipe that nobody writes to: it ends with the test, and no job outlives it.
process.stdin.on('end', () => process.exit(1)).resume();
process.stdin.unref();
console.log('heeds its signals');
try {
  await run.result;
} catch (error) {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  console.error(code, error instanceof Error ? error.message : error);
  process.exitCode = code === 'JOB_INTERRUPTED' ? 130 : 1;
}
