import { describe, test } from 'vitest';
import { acceptSource } from '../../src/testing.ts';
import { registeredIntake, servedIntake } from './dataset-intake.ts';

describe('the source of a dataset of the own registry', () => {
  for (const check of acceptSource(() => registeredIntake('none'))) test(check.name, check.run);
});

describe('the source of a packed dataset of the own registry', () => {
  for (const check of acceptSource(() => registeredIntake('gzip'))) test(check.name, check.run);
});

describe('the source of a dataset behind the REST API of a catalog', () => {
  for (const check of acceptSource(servedIntake)) test(check.name, check.run);
});
