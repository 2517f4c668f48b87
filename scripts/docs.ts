/**
 * Writes what is generated from the sources: config/job.schema.json and docs/reference/{job,errors,connectors}.md.
 * Run: node scripts/docs.ts [--check]; with --check it writes nothing and fails if one of them is not up to date.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { jobJsonSchema } from '../src/jobs/description/job-json-schema.ts';
import { connectorReference } from './docs/connector-reference.ts';
import { errorReference } from './docs/error-reference.ts';
import { jobReference } from './docs/job-reference.ts';

const root = join(import.meta.dirname, '..');
const generated: ReadonlyMap<string, string> = new Map([
  ['config/job.schema.json', `${JSON.stringify(jobJsonSchema(), null, 2)}\n`],
  ['docs/reference/job.md', jobReference()],
  ['docs/reference/errors.md', errorReference()],
  ['docs/reference/connectors.md', connectorReference()],
]);

const checking = process.argv.includes('--check');
const stale = [...generated].filter(([path, text]) => current(path) !== text);
for (const [path, text] of checking ? [] : stale) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  process.stdout.write(`wrote ${relative(process.cwd(), join(root, path))}\n`);
}
if (checking && stale.length > 0) {
  process.stderr.write(`not up to date: ${stale.map(([path]) => path).join(', ')}; run: npm run docs\n`);
  process.exitCode = 1;
}

function current(path: string): string | null {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return null;
  }
}
