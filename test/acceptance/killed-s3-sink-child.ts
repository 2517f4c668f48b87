import type { S3Settings } from '../../connectors/s3/s3-settings.ts';
import { runUntilKilled, runWholeOutput, SinkPlan, type SinkPlanSize } from '../../src/testing.ts';
import { keepCompiled } from '../support/compiled-child.ts';
import { s3Sink } from './s3-output.ts';

/** Writes a whole output; whoever started it kills it in the middle, or it dies at a moment that is given by name. */
keepCompiled();
const [url = '', size = '', settings = '', moment = ''] = process.argv.slice(2);
const plan = new SinkPlan(JSON.parse(size) as SinkPlanSize);
const sink = s3Sink(url, false, JSON.parse(settings) as Partial<S3Settings>);
if (moment === 'written' || moment === 'committed') await runUntilKilled(sink, plan, moment);
await runWholeOutput(sink, plan, new AbortController().signal);
