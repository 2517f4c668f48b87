import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Configuration, loadConfiguration } from '../../../src/jobs/configuration.ts';
import { jobText, readJob, refusalOf } from './job-texts.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-configuration-'));
afterAll(() => rmSync(folder, { recursive: true }));

function configuration(text: string, env: Readonly<Record<string, string>> = {}): Configuration {
  const file = join(folder, 'sluice.yaml');
  writeFileSync(file, text);
  return loadConfiguration(file, { env });
}

const two = `deployments:
  flights: { server: "http://127.0.0.1:8100", token: "\${A_TOKEN}", associationId: flight_id }
  penguins: { server: "http://127.0.0.1:8100", reply: json }
`;
const byId = (id: string): string => jobText().replace(/^deployment: .*$/m, `deploymentId: ${id}`);

test('deploymentId takes a deployment of the configuration', () => {
  const found = configuration(two, { A_TOKEN: 'secret' });
  expect(found.deploymentIds.toSorted()).toEqual(['flights', 'penguins']);
  const job = readJob(byId('flights'), {}, { configuration: found });
  expect(job.deployment).toMatchObject({ id: 'flights', associationId: 'flight_id', reply: 'csv' });
  expect(job.deployment.token?.reveal()).toBe('secret');
  expect(job).not.toHaveProperty('deploymentId');
});

test('only the deployment that is used needs its variables', () => {
  const found = configuration(two);
  expect(found.deployment('penguins').reply).toBe('json');
  expect(found.deploymentIds.toSorted()).toEqual(['flights', 'penguins']);
  const { code, message } = refusalOf(() => found.deployment('flights'));
  expect(code).toBe('CONFIG_VARIABLE');
  expect(message).toContain('sluice.yaml:2:54: A_TOKEN is not set');
});

test('an unknown deployment is named with its place and the nearest ones', () => {
  const found = configuration(two, { A_TOKEN: 'x' });
  const { code, message } = refusalOf(() => readJob(byId('flihgts'), {}, { configuration: found }));
  expect(code).toBe('DEPLOYMENT_UNKNOWN');
  expect(message).toMatch(/^job\.yaml:1:15: .*"flihgts"; did you mean "flights"\?$/);
  expect(refusalOf(() => found.deployment('x-ray')).message).toMatch(
    /it has "penguins", "flights"|it has "flights", "penguins"/,
  );
});

test('without a configuration a deploymentId says what to do', () => {
  const { code, message } = refusalOf(() => readJob(byId('flights')));
  expect(code).toBe('DEPLOYMENT_UNKNOWN');
  expect(message).toContain('--config');
});

test('every problem of a configuration is named with its place', () => {
  const text = `deployments:\n  a: { server: "ftp://h" }\n  b: { sever: "http://h" }\ndeployment: {}\n`;
  const { code, message } = refusalOf(() => configuration(text));
  expect(code).toBe('CONFIG_INVALID');
  expect(message).toMatch(/sluice\.yaml:2:16: deployments\.a\.server must be an http/);
  expect(message).toMatch(/sluice\.yaml:3:8: unknown field "sever" in deployments\.b; did you mean "server"\?/);
  expect(message).toMatch(/deployments\.b\.server is missing/);
  expect(message).toMatch(/sluice\.yaml:4:1: unknown field "deployment"; did you mean "deployments"\?/);
});

test('a file that is not there, and a folder, are refused with the reason', () => {
  expect(refusalOf(() => loadConfiguration(join(folder, 'none.yaml')))).toMatchObject({
    code: 'CONFIG_UNREADABLE',
    message: expect.stringContaining('there is no such file'),
  });
  expect(refusalOf(() => loadConfiguration(folder)).message).toContain('it is a folder');
});
