import { describe, test } from 'vitest';
import { acceptSink, acceptSource } from '../../src/testing.ts';
import { type FileForm, fileIntake, formatIntake } from './file-intake.ts';
import { fileOutputs } from './file-output.ts';

/** A run is killed some sixty times, each in a process of its own. */
const KILLS_MS = 240_000;

const forms: Readonly<Record<string, FileForm>> = {
  'plain files': { compression: 'none', delimiter: ',', encoding: 'utf-8', newline: '\n' },
  'gzip files': { compression: 'gzip', delimiter: ',', encoding: 'utf-8', newline: '\n' },
  'zstd files': { compression: 'zstd', delimiter: ',', encoding: 'utf-8', newline: '\r\n' },
  'plain files in another dialect and encoding': {
    compression: 'none',
    delimiter: ';',
    encoding: 'latin_1',
    newline: '\r\n',
  },
};

for (const [name, form] of Object.entries(forms)) {
  describe(`the source of ${name}`, () => {
    for (const check of acceptSource(() => fileIntake(form))) test(check.name, check.run);
  });
}

for (const format of ['jsonl', 'json', 'avro', 'parquet'] as const) {
  describe(`the source of ${format} files`, () => {
    for (const check of acceptSource(() => formatIntake(format))) test(check.name, check.run);
  });
}

const outputs = [
  'scored.csv',
  'scored.csv.gz',
  'scored.csv.zst',
  'scored.jsonl',
  'scored.json',
  'scored.avro',
  'scored.parquet',
];
for (const name of outputs) {
  describe(`the sink of ${name}`, () => {
    for (const check of acceptSink(fileOutputs(name))) test(check.name, check.run, KILLS_MS);
  });
}
