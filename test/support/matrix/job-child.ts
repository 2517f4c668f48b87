import { findSluiceError } from '../../../src/core/error.ts';
import { type JobInput, runJob } from '../../../src/index.ts';
import { keepCompiled } from '../compiled-child.ts';
import type { JobEnd } from './job-process.ts';

// A process of its own that runs one job, to be killed, and tells its parent how it ended. Standard input and output are the job's.
keepCompiled();
const [description = '', overwrite = ''] = process.argv.slice(2);
const run = runJob(JSON.parse(description) as JobInput, {
  overwrite: overwrite === 'true',
  commits: { everyMs: 20, everyBytes: 4_096 },
});
const end: JobEnd = await run.result.then(
  ({ manifest, progress }) => ({ manifest, continuedFrom: progress.continuedFrom }),
  (error: unknown) => ({ error: `${findSluiceError(error)?.code ?? 'unknown'}: ${String(error)}` }),
);
process.send!(end, () => process.disconnect());
