import { expect, test } from 'vitest';
import { loadConfiguration } from '../../../src/jobs/configuration.ts';
import { resolveJob } from '../../../src/jobs/description/parse-job.ts';
import { announcedScoring } from '../../../src/jobs/kafka/announced-scoring.ts';
import { type Announcement, announcedJob } from '../../../src/jobs/kafka/announcements.ts';
import { allowedTargets } from '../../../src/server/security/allowed-targets.ts';

const SECRET = 'tok-of-the-worker';
const SERVER = 'https://predictions.example';

const configuration = loadConfiguration('sluice.json', {
  env: {},
  readFile: () => JSON.stringify({ deployments: { flights: { server: SERVER, token: SECRET } } }),
});
const context = { configuration, guardOf: allowedTargets };

/** As it comes out of the topic. */
function announcement(deployment: object, more: Partial<Announcement> = {}): Announcement {
  const job = resolveJob({
    deployment: { id: 'flights', server: SERVER, ...deployment },
    intakeSettings: { file: 'in.csv' },
    outputSettings: { path: 'out.csv' },
  });
  const facts = {
    v: 1,
    name: 'j',
    state: 'running',
    partitions: 1,
    epoch: 'e',
    run: 'r',
    identity: {},
    model: null,
  } as const;
  return JSON.parse(JSON.stringify({ ...facts, job: announcedJob(job), ...more })) as Announcement;
}

test('a worker takes the token of a deployment from its own configuration, as none is announced', () => {
  const announced = announcement({ token: 'tok-of-the-run' });
  expect(JSON.stringify(announced)).not.toContain('tok-of-the-run');
  expect(announcedScoring(announced, context).deployment.token?.reveal()).toBe(SECRET);
  expect(announcedScoring(announcement({}), context).deployment.token).toBeNull();
});

test.each(['https://predictions.example.evil', 'http://predictions.example', 'https://predictions.example:8443'])(
  'and sends it to the address that stands beside it, not to %s',
  (server) => {
    const scoring = (): unknown => announcedScoring(announcement({ server, token: 'any' }), context);
    expect(scoring).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error);
    expect(scoring).toThrow(server);
    expect(scoring).not.toThrow(SECRET);
  },
);

test('a job whose owner has said where its prediction server is has its guard with it, and gets no token of the worker', () => {
  const targets = ['inner.example'];
  const { guard } = announcedScoring(announcement({}, { targets }), context).deployment;
  expect(guard?.targets).toEqual(targets);
  expect(() => guard?.('127.0.0.1', 80)).toThrow('may not connect to 127.0.0.1:80');
  expect(() => guard?.('inner.example', 80)).not.toThrow();
  const withKey = announcement({ token: 'any' }, { targets });
  expect(() => announcedScoring(withKey, context)).toThrow('key of its own');
  expect(announcedScoring(announcement({}), context).deployment.guard).toBeUndefined();
});
