import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfiguration } from '../../../src/jobs/configuration.ts';
import { loadJob } from '../../../src/jobs/description/parse-job.ts';

const folder = join(import.meta.dirname, '../../../config/examples');
const configurations = ['deployments.yaml', 'server.yaml', 'server-kafka.yaml'];
const jobs = readdirSync(folder).filter((name) => name.endsWith('.yaml') && !configurations.includes(name));

test.each(jobs)('the example %s is a valid job without any variable set', (name) => {
  const configuration = loadConfiguration(join(folder, 'deployments.yaml'), { env: {} });
  const job = loadJob(join(folder, name), { env: {}, configuration });
  expect(new URL(job.deployment.server).origin).toBe('http://127.0.0.1:8100');
});

test('the configuration of a server is valid without any variable set', () => {
  const { server, deploymentIds } = loadConfiguration(join(folder, 'server.yaml'), { env: {} });
  expect(server).toMatchObject({ host: '127.0.0.1', port: 8080, tokens: [] });
  expect(deploymentIds).toEqual(['flights']);
});

test('the configuration of a server over Kafka needs nothing but a token', () => {
  const file = join(folder, 'server-kafka.yaml');
  expect(() => loadConfiguration(file, { env: {} })).toThrow('SERVE_TOKEN');
  const { server, kafka } = loadConfiguration(file, { env: { SERVE_TOKEN: 'not-for-strangers' } });
  expect(server).toMatchObject({ host: '127.0.0.1', port: 8080, tokens: [{ user: 'demo', role: 'run' }] });
  expect(kafka).toMatchObject({ brokers: ['127.0.0.1:9092'] });
});

test('there are examples', () => {
  expect(jobs.length).toBeGreaterThan(0);
});
