import { runJob } from '../../src/index.ts';
import { keepCompiled } from './compiled-child.ts';

// A process of its own that runs one job, to be killed: the description as JSON in the first argument. Commits come so often
// that a kill finds every state between them.
keepCompiled();
const run = runJob(JSON.parse(process.argv[2]!), { commits: { everyMs: 5, everyBytes: 4_096 } });
try {
  const { progress } = await run.result;
  console.log(progress.continuedFrom);
} catch (error) {
  console.error(error instanceof Error ? `${'code' in error ? String(error.code) : ''} ${error.message}` : error);
  process.exitCode = 1;
}
