import { expect, test } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { StageMeter } from '../../../src/core/stage-meter.ts';
import { JobWorkers } from '../../../src/jobs/kafka/job-workers.ts';
import { type News, shareNews } from '../../../src/jobs/kafka/process-news.ts';
import { figuresName, figuresText, type WorkerFigures } from '../../../src/jobs/kafka/worker-figures.ts';
import { LatencyHistogram } from '../../../src/observe/latency-histogram.ts';
import { SILENT_MS } from '../../../src/scoring/limiter/neighbours.ts';
import { createScorer, type ScorerStack } from '../../../src/scoring/scorer-stack.ts';
import { anotherClock } from '../../support/another-clock.ts';
import { tickingKafka } from '../../support/memory-kafka/ticking.ts';

const never = new AbortController().signal;
const at = { name: 'figures', replicationFactor: null };

/** A worker that tells what stands in `figures` of the job. */
function worker(figures: WorkerFigures, job = 'a'): News & { figures: WorkerFigures | null } {
  return {
    figures,
    tell() {
      return new Map(this.figures === null ? [] : [[figuresName(job), figuresText(this.figures)]]);
    },
    hear: () => undefined,
  };
}

function latencies(ms: number, count: number): WorkerFigures['recent'] {
  const histogram = new LatencyHistogram();
  for (let i = 0; i < count; i += 1) histogram.record(ms);
  return histogram.counts();
}

function figures(more: Partial<WorkerFigures>): WorkerFigures {
  return { inFlight: 0, limit: 4, retries: 0, score: { work: 0, input: 0, server: 0, output: 0 }, recent: [], ...more };
}

/** Of a process that has sent nothing yet, and may send four at once. */
function counters(clock: Clock): ScorerStack['counters'] {
  return createScorer({ id: 'd', server: 'http://predict.example' }, { numConcurrent: 4 }, { clock }).counters;
}

test('a job is shown with the requests of all who work on it, and without those of one that has left or is silent', async () => {
  using world = tickingKafka();
  const { kafka, clock } = world;
  const meter = new StageMeter('score', clock);
  const workers = new JobWorkers(clock, meter);
  workers.follow('a', 6);
  const one = worker(figures({ inFlight: 1, retries: 2, recent: latencies(10, 90) }));
  const two = worker(
    figures({ inFlight: 3, score: { work: 1, input: 2, server: 700, output: 4 }, recent: latencies(900, 10) }),
  );
  const stranger = worker(figures({ inFlight: 100 }), 'b');
  const clients = [kafka.client(), kafka.client(), kafka.client(), kafka.client()] as const;
  const sharing = shareNews(clients[0], at, anotherClock(clock), [workers]);
  const [first] = [one, two, stranger].map((news, i) => shareNews(clients[i + 1]!, at, anotherClock(clock), [news]));
  await clock.sleep(5_000, never);
  const all = workers.all(counters(clock));
  // Twelve would be allowed, but there are six partitions.
  expect(all).toMatchObject({ inFlight: 4, limit: 6, retries: 2 });
  expect(all.recentLatency!.p50 / 10).toBeCloseTo(1, 0.9);
  expect(all.recentLatency!.p99 / 900).toBeCloseTo(1, 0.9);
  expect(meter.milliseconds).toEqual({ work: 1, input: 2, server: 700, output: 4 });
  two.figures = figures({ inFlight: 2, score: { work: 1, input: 2, server: 900, output: 4 } });
  await world.ending(Promise.resolve(first![Symbol.asyncDispose]()));
  await clock.sleep(3_000, never);
  // What was done stays done.
  expect(workers.all(counters(clock))).toMatchObject({ inFlight: 2, limit: 6, retries: 2, recentLatency: null });
  expect(meter.milliseconds).toMatchObject({ server: 900 });
  kafka.crash(clients[2]);
  await clock.sleep(SILENT_MS + 1_000, never);
  expect(workers.all(counters(clock))).toMatchObject({ inFlight: 0, limit: 4, retries: 2 });
  await world.ending(Promise.resolve(sharing[Symbol.asyncDispose]()));
});

test('a worker that begins anew counts from nothing, and what it did before stays', () => {
  using world = tickingKafka();
  const meter = new StageMeter('score', world.clock);
  const workers = new JobWorkers(world.clock, meter);
  workers.follow('a', 4);
  for (const [retries, server] of [
    [1, 10],
    [3, 50],
    [1, 20],
  ] as const)
    workers.hear(
      'x',
      figuresName('a'),
      figuresText(figures({ retries, score: { work: 0, input: 0, server, output: 0 } })),
    );
  expect(workers.all(counters(world.clock)).retries).toBe(4);
  expect(meter.milliseconds.server).toBe(70);
});

test.each([
  ['an older worker, which tells nothing', null],
  ['a later form', JSON.stringify({ v: 2, inFlight: 3, limit: 4 })],
  ['figures with a hole', JSON.stringify({ v: 1, inFlight: 3 })],
  ['impossible figures', figuresText(figures({ inFlight: -3 }))],
  ['no JSON', 'inFlight 3'],
])('%s changes nothing', (_, text) => {
  using world = tickingKafka();
  const workers = new JobWorkers(world.clock, new StageMeter('score', world.clock));
  workers.follow('a', 2);
  const own = counters(world.clock);
  const before = workers.all(own);
  workers.hear('x', figuresName('a'), text);
  expect(workers.all(own)).toEqual(before);
});

test('fields that a later version adds are passed over', () => {
  using world = tickingKafka();
  const workers = new JobWorkers(world.clock, new StageMeter('score', world.clock));
  workers.follow('a', 8);
  const text = JSON.stringify({ ...JSON.parse(figuresText(figures({ inFlight: 3 }))), gpu: { share: 1 } });
  workers.hear('x', figuresName('a'), text);
  expect(workers.all(counters(world.clock))).toMatchObject({ inFlight: 3, limit: 8 });
});
