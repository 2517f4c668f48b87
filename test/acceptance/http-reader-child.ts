import { tellBatches } from '../../src/testing.ts';
import { webSource } from './http-intake.ts';

/** Tells the batches of what stands at an address; whoever started it kills it. */
const [url = '', compression = ''] = process.argv.slice(2);
await tellBatches(webSource(url, compression === 'gzip' ? 'gzip' : 'none'));
