import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { errorTable } from '../../../src/core/error-table.ts';
import { expectation, type FieldSchema, forms, schemaAt } from '../../../src/jobs/description/field-schema.ts';
import { jobJsonSchema } from '../../../src/jobs/description/job-json-schema.ts';

const root = join(import.meta.dirname, '../../..');

/** Every field of a schema with its path. */
function fields(
  schema: FieldSchema,
  path: readonly string[] = [],
): readonly (readonly [readonly string[], FieldSchema])[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => [
    [[...path, name], field] as const,
    ...fields(field, [...path, name]),
  ]);
}

test('every field has a description, a sentence, and can be put into words', () => {
  for (const [path, field] of fields(jobJsonSchema())) {
    expect(field.description, path.join('.')).toMatch(/[.…]$/);
    expect(expectation(field), path.join('.')).not.toBe('');
    expect(schemaAt(jobJsonSchema(), path)).toEqual(field);
  }
});

test('objects take no unknown fields', () => {
  const objects = [jobJsonSchema(), ...fields(jobJsonSchema()).map(([, field]) => field)]
    .flatMap(forms)
    .filter(({ properties }) => properties);
  expect(objects.length).toBeGreaterThan(5);
  for (const object of objects) expect(object.additionalProperties).toBe(false);
});

test('what is generated is up to date', () => {
  execFileSync(process.execPath, ['scripts/docs.ts', '--check'], { cwd: root, stdio: 'pipe' });
});

test('the error reference has every error of the table, and no other', () => {
  const text = readFileSync(join(root, 'docs/reference/errors.md'), 'utf8');
  const documented = [...text.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code);
  expect(documented).toEqual(Object.keys(errorTable));
});
