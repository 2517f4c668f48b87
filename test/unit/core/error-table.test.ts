import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { errorTable } from '../../../src/core/error-table.ts';

const root = join(import.meta.dirname, '../../..');
const codes = Object.keys(errorTable);
const page = readFileSync(join(root, 'docs/reference/errors.md'), 'utf8');
const documented = [...page.matchAll(/`([A-Z]+_[A-Z_]+)`/g)].map((match) => match[1]!);

const sources = ['src', 'connectors'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('error-table.ts'))
    .map((file) => readFileSync(join(root, folder, file), 'utf8')),
);

describe('the error table', () => {
  test('every code is documented', () => {
    expect(codes.filter((code) => !documented.includes(code))).toEqual([]);
  });

  test('every documented code is in the table', () => {
    expect(documented.filter((code) => !codes.includes(code))).toEqual([]);
  });

  test('every code is used', () => {
    expect(codes.filter((code) => !sources.some((text) => text.includes(`'${code}'`)))).toEqual([]);
  });

  test('every code tells in a sentence what it means and what to do', () => {
    for (const { summary, remedy } of Object.values(errorTable)) {
      expect(summary).toMatch(/^[A-Z].*\.$/);
      expect(remedy).toMatch(/^[A-Z`].*\.$/);
    }
  });
});
