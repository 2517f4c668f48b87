import { describe, test } from 'vitest';
import {
  abortLeavesNothing,
  acceptSink,
  acceptSource,
  checkNamesWhatIsWrong,
  continuesAfterKills,
  deliveredAgainIsWrittenOnce,
  difficultValuesAreRead,
  difficultValuesAreWritten,
  killedBetweenCommitAndPublish,
  killedBetweenWriteAndCommit,
  splitsInParallel,
  stoppedReaderStopsReading,
} from '../../src/testing.ts';
import { fileIntakeFaults, fileOutputFaults } from './file-checks.ts';
import { difficultFile, type FileForm, fileIntake, formatIntake, wideFile } from './file-intake.ts';
import { fileOutputs, filePartitions } from './file-output.ts';

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
    const driver = () => fileIntake(form);
    const checks = [...acceptSource(driver), splitsInParallel(driver), continuesAfterKills(driver)];
    for (const check of checks) test(check.name, check.run);
  });
}

for (const format of ['jsonl', 'json', 'avro', 'parquet'] as const) {
  describe(`the source of ${format} files`, () => {
    for (const check of acceptSource(() => formatIntake(format))) test(check.name, check.run);
  });
}

describe('the source of files', () => {
  for (const check of [
    checkNamesWhatIsWrong(fileIntakeFaults),
    stoppedReaderStopsReading(wideFile),
    difficultValuesAreRead(difficultFile),
  ])
    test(check.name, check.run);
});

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
    const outputs = fileOutputs(name);
    for (const check of [
      ...acceptSink(outputs),
      abortLeavesNothing(outputs),
      deliveredAgainIsWrittenOnce(outputs),
      difficultValuesAreWritten(outputs),
      killedBetweenWriteAndCommit(outputs),
      killedBetweenCommitAndPublish(outputs),
    ])
      test(check.name, check.run, KILLS_MS);
  });
}

describe('the sink of a folder of partitions', () => {
  for (const check of acceptSink(filePartitions())) test(check.name, check.run, KILLS_MS);
});

describe('the sink of files', () => {
  const check = checkNamesWhatIsWrong(fileOutputFaults);
  test(check.name, check.run);
});
