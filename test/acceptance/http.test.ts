import { describe, test } from 'vitest';
import { acceptSource } from '../../src/testing.ts';
import { type WebForm, webIntake } from './http-intake.ts';

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
