import { expect, test } from 'vitest';
import { decodeRecord } from '../../src/core/canonical-csv.ts';

test('a field that begins with U+FEFF keeps it: only the start of a file has a byte order mark', () => {
  const bytes = Buffer.from('\ufeffa,"\ufeffb"\n');
  expect(decodeRecord(bytes, 0, bytes.length)).toEqual(['\ufeffa', '\ufeffb']);
});
