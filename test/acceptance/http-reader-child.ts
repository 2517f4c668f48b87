import { tellBatches } from '../../src/testing.ts';
import { keepCompiled } from '../support/compiled-child.ts';
import { webSource } from './http-intake.ts';

/** Tells the batches of what stands at an address; whoever started it kills it. */
keepCompiled();
const [url = '', compression = ''] = process.argv.slice(2);
await tellBatches(webSource(url, compression === 'gzip' ? 'gzip' : 'none'));
