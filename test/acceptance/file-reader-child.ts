import { tellBatches } from '../../src/testing.ts';
import { keepCompiled } from '../support/compiled-child.ts';
import { fileSource } from './file-intake.ts';

/** Tells the batches of files; whoever started it kills it. */
keepCompiled();
const [pattern = '', delimiter = '', encoding = ''] = process.argv.slice(2);
await tellBatches(fileSource(pattern, { delimiter, encoding: encoding === 'latin_1' ? 'latin_1' : 'utf-8' }));
