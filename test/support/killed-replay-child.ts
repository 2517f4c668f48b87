import { readFileSync } from 'node:fs';
import type { JobInput } from '../../src/jobs/description/job-description.ts';
import { keepCompiled } from './compiled-child.ts';
import { dieInTime } from './dies-in-time.ts';
import { replay } from './replays.ts';

/** Replays the dead letters of a job; dies in place of its n-th operation that changes the file system, or is killed from outside. */
keepCompiled();
const [file = '', operation] = process.argv.slice(2);
const job = JSON.parse(readFileSync(file, 'utf8')) as JobInput;
if (operation !== undefined) await dieInTime(Number(operation));
await replay(job);
