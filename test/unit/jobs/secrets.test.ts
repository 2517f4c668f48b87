import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { resolveJob } from '../../../src/jobs/description/parse-job.ts';
import { Secret } from '../../../src/jobs/description/secret.ts';
import { jobText, readJob, refusalOf } from './job-texts.ts';

const TOKEN = 'tok-4f9a7c';
const folder = mkdtempSync(join(tmpdir(), 'sluice-secrets-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A job with the token in some field of its deployment. */
function withDeployment(fields: string): string {
  return jobText().replace('id: flights', `id: flights, ${fields}`);
}

test('a secret shows itself to nobody who does not ask by name', () => {
  const secret = new Secret(TOKEN);
  const all = [
    String(secret),
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ secret }, { showHidden: true, depth: 9 }),
  ];
  for (const text of all) {
    expect(text).toContain('[redacted]');
    expect(text).not.toContain(TOKEN);
  }
  expect(secret.reveal()).toBe(TOKEN);
});

test('tokens come from a value, a variable, a _FILE variable or a file, and a resolved job shows none', () => {
  const file = join(folder, 'token');
  writeFileSync(file, `${TOKEN}\n`);
  const jobs = [
    readJob(withDeployment(`token: ${TOKEN}, dataRobotKey: ${TOKEN}`)),
    readJob(withDeployment('token: "${T}"'), { T: TOKEN }),
    readJob(withDeployment('token: "${T}"'), { T_FILE: file }),
    readJob(withDeployment(`tokenFile: ${file}`)),
  ];
  for (const job of jobs) {
    expect(job.deployment.token?.reveal()).toBe(TOKEN);
    expect(`${JSON.stringify(job)}${inspect(job, { depth: 9, showHidden: true })}`).not.toContain(TOKEN);
  }
  expect(readJob(withDeployment('token: "${T:-}"')).deployment.token).toBeNull();
});

test('a variable in an object is not replaced: whoever may post a job need not be one who may read our environment', () => {
  const job = resolveJob(
    {
      deployment: { id: 'a', server: 'http://127.0.0.1', token: '${HOME}' },
      intakeSettings: { file: 'a' },
      outputSettings: { path: 'b' },
    },
    { env: { HOME: TOKEN } },
  );
  expect(job.deployment.token?.reveal()).toBe('${HOME}');
});

test.each([
  `token: ${TOKEN}, tokenFile: /a`,
  `token: [${TOKEN}]`,
  `tokn: ${TOKEN}`,
  `token: { a: ${TOKEN} }`,
  `server: "http://me:${TOKEN}@h"`,
  `server: "${TOKEN}"`,
  `reply: "\${T}"`,
  `timeoutMs: "\${T}"`,
])('a refused deployment does not show its token: %s', (fields) => {
  const text = withDeployment(fields).replace(
    /, server: "http:\/\/127.0.0.1:8100"/,
    fields.startsWith('server') ? '' : '$&',
  );
  const { code, message } = refusalOf(() => readJob(text, { T: TOKEN }));
  expect(code).toBe('CONFIG_INVALID');
  expect(message).toContain('deployment');
  expect(message).not.toContain(TOKEN);
});

test('text that cannot be parsed is refused without being quoted', () => {
  const text = withDeployment(`token: "${TOKEN}"`);
  fc.assert(
    fc.property(
      fc.nat({ max: text.length }),
      fc.constantFrom('"', '{', '}', '\n', '\t', ': ', '*', '|', '%', '\\'),
      (at, junk) => {
        const broken = text.slice(0, at) + junk + text.slice(at);
        try {
          readJob(broken);
        } catch (error) {
          expect(String(error)).not.toContain(TOKEN);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('a token file that cannot be read is named with its place', () => {
  const { code, message } = refusalOf(() => readJob(withDeployment('tokenFile: /no/such/token')));
  expect(code).toBe('CONFIG_UNREADABLE');
  expect(message).toMatch(/^job\.yaml:1:\d+: tokenFile names \/no\/such\/token/);
});
