import type { S3Settings } from '../../connectors/s3/s3-settings.ts';
import { runWholeOutput, SinkPlan, type SinkPlanSize } from '../../src/testing.ts';
import { s3Sink } from './s3-output.ts';

/** Writes a whole output; whoever started it kills it in the middle. */
const [url = '', size = '', settings = ''] = process.argv.slice(2);
const plan = new SinkPlan(JSON.parse(size) as SinkPlanSize);
const sink = s3Sink(url, false, JSON.parse(settings) as Partial<S3Settings>);
await runWholeOutput(sink, plan, new AbortController().signal);
