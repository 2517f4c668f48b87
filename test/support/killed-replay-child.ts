import { readFileSync } from 'node:fs';
import type { JobInput } from '../../src/jobs/description/job-description.ts';
import { keepCompiled } from './compiled-child.ts';
import { dieInTime } from './dies-in-time.ts';
import { replay } from './replays.ts';

/** Replays the dead letters of a job; dies at its n-th change of files or of a database, or is killed from outside. */
keepCompiled();
const [file = '', what, operation = ''] = process.argv.slice(2);
const job = JSON.parse(readFileSync(file, 'utf8')) as JobInput;
if (what === 'files') await dieInTime(Number(operation));
else if (what === 'statements') (await import('./dies-at-statement.ts')).dieAtStatement(Number(operation));
await replay(job);
