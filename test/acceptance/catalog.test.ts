import { describe, test } from 'vitest';
import {
  acceptSource,
  checkNamesWhatIsWrong,
  continuesAfterKills,
  difficultValuesAreRead,
  sourceKeepsSecrets,
} from '../../src/testing.ts';
import { servedFaults } from './dataset-checks.ts';
import { difficultDataset, registeredIntake, servedIntake } from './dataset-intake.ts';

/** A run is killed some dozen times, each in a process of its own. */
const KILLS_MS = 120_000;

describe('the source of a dataset of the own registry', () => {
  const driver = () => registeredIntake('none');
  for (const check of [...acceptSource(driver), continuesAfterKills(driver)]) test(check.name, check.run, KILLS_MS);
});

describe('the source of a packed dataset of the own registry', () => {
  for (const check of acceptSource(() => registeredIntake('gzip'))) test(check.name, check.run, KILLS_MS);
});

describe('the source of a dataset behind the REST API of a catalog', () => {
  for (const check of [
    ...acceptSource(servedIntake),
    continuesAfterKills(servedIntake),
    checkNamesWhatIsWrong(servedFaults),
    difficultValuesAreRead(difficultDataset),
    sourceKeepsSecrets(servedIntake),
  ])
    test(check.name, check.run, KILLS_MS);
});
