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
  sinkKeepsSecrets,
  sourceKeepsSecrets,
  stoppedReaderStopsReading,
} from '../../src/testing.ts';
import { webIntakeFaults, webOutputFaults } from './http-checks.ts';
import { difficultBody, type WebForm, webIntake, wideBody } from './http-intake.ts';
import { webOutputs } from './http-output.ts';

/** A run is killed some dozen times, each in a process of its own. */
const KILLS_MS = 120_000;

const plain: WebForm = { ranges: true, validators: 'etag', compression: 'none', breakAfter: null };

const forms: Readonly<Record<string, WebForm>> = {
  'a body with ranges and an ETag': plain,
  'a body without ranges, told by its time': { ...plain, ranges: false, validators: 'modified' },
  'a body without anything to tell it by': { ...plain, ranges: false, validators: 'none' },
  'a gzip body with a weak ETag': { ...plain, validators: 'weak', compression: 'gzip' },
  'a body whose connection breaks again and again': { ...plain, breakAfter: 70 },
  'a body without ranges whose connection breaks': { ...plain, ranges: false, breakAfter: 70 },
};

for (const [name, form] of Object.entries(forms)) {
  describe(`the source of ${name}`, () => {
    for (const check of acceptSource(() => webIntake(form))) test(check.name, check.run);
  });
}

describe('the source of what stands at an address', () => {
  for (const check of [
    continuesAfterKills(() => webIntake(plain)),
    checkNamesWhatIsWrong(webIntakeFaults),
    stoppedReaderStopsReading(wideBody),
    difficultValuesAreRead(difficultBody),
    sourceKeepsSecrets(() => webIntake(plain)),
  ])
    test(check.name, check.run, KILLS_MS);
});

describe('the sink of an output that is put to an address', () => {
  const outputs = webOutputs();
  for (const check of [
    ...acceptSink(outputs),
    abortLeavesNothing(outputs),
    deliveredAgainIsWrittenOnce(outputs),
    difficultValuesAreWritten(outputs),
    killedBetweenWriteAndCommit(outputs),
    killedBetweenCommitAndPublish(outputs),
    sinkKeepsSecrets(outputs),
    checkNamesWhatIsWrong(webOutputFaults),
  ])
    test(check.name, check.run, KILLS_MS);
});
