import type { S3Settings } from '../../connectors/s3/s3-settings.ts';
import { tellBatches } from '../../src/testing.ts';
import { keepCompiled } from '../support/compiled-child.ts';
import { s3Source } from './s3-intake.ts';

/** Tells the batches of objects; whoever started it kills it. */
keepCompiled();
const [url = '', settings = '', format = ''] = process.argv.slice(2);
await tellBatches(s3Source(url, JSON.parse(settings) as Partial<S3Settings>, format === 'parquet' ? 'parquet' : 'csv'));
