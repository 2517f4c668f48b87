import { runUntilKilled, runWholeOutput, SinkPlan, type SinkPlanSize } from '../../src/testing.ts';
import { dieInTime } from '../support/dies-in-time.ts';

/** Writes a whole output and dies in place of its n-th operation that changes the file system, or at a moment of the run, by name. */
const [path = '', size = '', operation = '', spool = ''] = process.argv.slice(2);
const moment = operation === 'written' || operation === 'committed' ? operation : null;
if (moment === null) await dieInTime(Number(operation));

const plan = new SinkPlan(JSON.parse(size) as SinkPlanSize);
const sink = /^https?:/.test(path)
  ? (await import('./http-output.ts')).httpSink(path, spool, false)
  : (await import('./file-output.ts')).fileSink(path, false);
if (moment !== null) await runUntilKilled(sink, plan, moment);
await runWholeOutput(sink, plan, new AbortController().signal);
