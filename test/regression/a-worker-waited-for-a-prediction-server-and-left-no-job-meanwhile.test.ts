import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { settlesWithin } from '../../src/core/settles-within.ts';
import { type Announcement, Announcements, announcedJob } from '../../src/jobs/kafka/announcements.ts';
import { Worker } from '../../src/jobs/kafka/worker.ts';
import { memoryJob } from '../support/memory-kafka/memory-job.ts';
import { createMemoryKafka } from '../support/memory-kafka/memory-kafka.ts';
import { until } from '../support/until.ts';

const never = new AbortController().signal;

// A server that is overloaded is waited for ten minutes. For so long the worker heard of no other job, and SIGTERM did not end it.
test('a worker leaves a job whose prediction server it waits for, joins the next one, and ends when it is told', async () => {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    response.writeHead(503).end();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const kafka = createMemoryKafka({ clock: systemClock });
  const job = memoryJob();
  const announcements = await Announcements.open(kafka.client(), job.kafka);
  const events: string[] = [];
  const worker = new Worker({
    client: kafka.client(),
    settings: job.kafka,
    configuration: undefined,
    guardOf: () => {
      throw new Error('no job here has a guard');
    },
    clock: systemClock,
    onEvent: (text) => events.push(text),
  });
  const stop = new AbortController();
  const running = worker.run(stop.signal);
  const announce = (name: string, state: Announcement['state']): Promise<void> => {
    const deployment = { ...job.deployment, server: `http://127.0.0.1:${port}` };
    const told = { v: 1, name, state, partitions: 1, epoch: '1', run: '1', identity: {}, model: null } as const;
    return announcements.announce(name, { ...told, job: announcedJob({ ...job, deployment }) }, never);
  };
  await announce('first', 'running');
  await until(() => asked > 0, 'the worker asks the server of the first job');
  await announce('first', 'done');
  await announce('second', 'running');
  await until(
    () => events.length === 3,
    () => `the second job is joined: ${events.join(', ')}`,
    10_000,
  );
  expect(events).toEqual(['joined the job first', 'left the job first', 'joined the job second']);
  stop.abort();
  expect(await settlesWithin(running, 10_000, systemClock)).toBe(true);
  server.close();
}, 60_000);
