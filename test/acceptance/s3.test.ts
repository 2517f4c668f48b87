import { test } from 'vitest';
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
  sinkKeepsSecrets,
  sourceKeepsSecrets,
  splitsInParallel,
  stoppedReaderStopsReading,
} from '../../src/testing.ts';
import { needs } from '../support/services/needs.ts';
import { s3IntakeFaults, s3OutputFaults } from './s3-checks.ts';
import { difficultObject, type ObjectForm, s3Intake, wideObject } from './s3-intake.ts';
import { outputSizes, s3Outputs, s3Partitions } from './s3-output.ts';

/** A run is killed some forty times, each in a process of its own. */
const KILLS_MS = 240_000;

const forms: Readonly<Record<string, ObjectForm>> = {
  'small objects': { compression: 'none', padding: 0 },
  'objects read by ranges': { compression: 'none', padding: 40_000 },
  'gzip objects': { compression: 'gzip', padding: 0 },
  'Parquet objects': { format: 'parquet', compression: 'none', padding: 0 },
  'Parquet objects read by ranges': { format: 'parquet', compression: 'none', padding: 40_000 },
};

for (const [name, form] of Object.entries(forms)) {
  needs('s3')(`the source of ${name} in S3`, () => {
    const driver = () => s3Intake(form);
    const checks = [...acceptSource(driver), splitsInParallel(driver), continuesAfterKills(driver)];
    for (const check of checks) test(check.name, check.run);
  });
}

needs('s3')('the source of objects in S3', () => {
  for (const check of [
    checkNamesWhatIsWrong(s3IntakeFaults),
    stoppedReaderStopsReading(wideObject),
    difficultValuesAreRead(difficultObject),
    sourceKeepsSecrets(() => s3Intake({ compression: 'none', padding: 0 })),
  ])
    test(check.name, check.run);
});

for (const [name, size] of Object.entries({ 'one request': outputSizes.small, 'several parts': outputSizes.parts })) {
  needs('s3')(`the sink of an object of ${name} in S3`, () => {
    const outputs = s3Outputs('scored.csv', size);
    for (const check of [
      ...acceptSink(outputs),
      abortLeavesNothing(outputs),
      deliveredAgainIsWrittenOnce(outputs),
      difficultValuesAreWritten(outputs),
      killedBetweenWriteAndCommit(outputs),
      killedBetweenCommitAndPublish(outputs),
      sinkKeepsSecrets(outputs),
    ])
      test(check.name, check.run, KILLS_MS);
  });
}

needs('s3')('the sink of a Parquet object in S3', () => {
  for (const check of acceptSink(s3Outputs('scored.parquet', outputSizes.rowGroups)))
    test(check.name, check.run, KILLS_MS);
});

needs('s3')('the sink of a folder of partitions in S3', () => {
  for (const check of acceptSink(s3Partitions())) test(check.name, check.run, KILLS_MS);
});

needs('s3')('the sink of objects in S3', () => {
  const check = checkNamesWhatIsWrong(s3OutputFaults);
  test(check.name, check.run);
});
