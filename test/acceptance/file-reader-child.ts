import { tellBatches } from '../../src/testing.ts';
import { fileSource } from './file-intake.ts';

/** Tells the batches of files; whoever started it kills it. */
const [pattern = '', delimiter = '', encoding = ''] = process.argv.slice(2);
await tellBatches(fileSource(pattern, { delimiter, encoding: encoding === 'latin_1' ? 'latin_1' : 'utf-8' }));
