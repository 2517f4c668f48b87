import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SluiceError } from '../../src/core/error.ts';
import { runJob } from '../../src/jobs/run-job.ts';
import { fixedLimiter } from '../../src/scoring/limiter/fixed-limiter.ts';
import { createOutputFormat } from '../../src/scoring/output/output-format.ts';
import { defaultOutputSettings } from '../../src/scoring/output/output-settings.ts';
import { withPolicies } from '../../src/scoring/scorer-stack.ts';
import { arithmeticScorer } from '../support/arithmetic-scorer.ts';
import { HurriedClock } from '../support/hurried-clock.ts';
import { KafkaJobRig } from '../support/kafka-job-rig.ts';
import { tickingKafka } from '../support/memory-kafka/ticking.ts';
import { MemoryStorage, memorySink } from '../support/memory-sink.ts';
import { type Behaviour, PredictionServer } from '../support/prediction-server.ts';

/**
 * Vector takes a 403 or 404 from the other side for final and drops the events of the request (vectordotdev/vector#24543, #10870):
 * whoever renews a token, or deploys anew, loses what is sent meanwhile. Here the job waits, keeps every row, and goes on by itself.
 */
const ROWS = 600;
const scored = (id: number): string => `${2 * id},${id}`;

const refusals: readonly (readonly [number, Behaviour])[] = [
  [401, { status: 401, body: '{"message":"Invalid token"}' }],
  [403, { status: 403, body: '{"message":"You have no rights to this deployment"}' }],
  [404, { status: 404, body: '{"message":"Deployment not found"}' }],
  [404, { status: 404, body: 'no route here', headers: { 'content-type': 'text/plain' } }],
];

test.each(refusals)('in one process: a server that answers %i for a while costs no row', async (_status, behaviour) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-access-'));
  const input = join(folder, 'in.csv');
  const path = join(folder, 'out.csv');
  writeFileSync(input, `id,text\n${Array.from({ length: ROWS }, (_, id) => `${id},row ${id}`).join('\n')}\n`);
  // It begins to refuse in the middle, to some requests and not to others, then to all; then access is back.
  await using server = await PredictionServer.start({
    respond: ({ number }) => {
      states.add(run.progress().state);
      return (number >= 5 && number < 30) || number === 3 ? behaviour : undefined;
    },
  });
  const states = new Set<string>();
  const run = runJob(
    {
      deployment: { id: 'd', server: server.url },
      intakeSettings: { file: input },
      outputSettings: { path },
      passthroughColumns: ['id'],
      chunkRows: 20,
      numConcurrent: 3,
    },
    { clock: new HurriedClock([]) },
  );
  const { manifest } = await run.result;
  expect(manifest.tally).toEqual({ read: ROWS, scored: ROWS, failed: 0, skipped: 0 });
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n').slice(1);
  expect(lines).toEqual(Array.from({ length: ROWS }, (_, id) => scored(id)));
  expect(states).toContain('paused');
  // One caller asks on while the others wait: it is not stormed meanwhile.
  expect(server.requests.length).toBeLessThanOrEqual(ROWS / 20 + 26 + 3);
  rmSync(folder, { recursive: true });
});

test('over Kafka: neither the run nor a worker loses a row, nor writes one twice', async () => {
  const storage = new MemoryStorage();
  using world = tickingKafka(7);
  let requests = 0;
  let pauses = 0;
  const refusing = (): ReturnType<typeof arithmeticScorer> => {
    const scorer = arithmeticScorer();
    return {
      ...scorer,
      score: async (batch, signal) => {
        requests += 1;
        await world.clock.sleep(20, signal);
        if (requests > 6 && requests < 40) throw new SluiceError('SERVER_ACCESS', 'HTTP 404: deployment not found');
        return scorer.score(batch, signal);
      },
    };
  };
  const output = { ...defaultOutputSettings, passthroughColumns: ['id'] };
  const job = new KafkaJobRig(world, {
    rows: 300,
    partitions: 4,
    batchRows: 10,
    mixesModels: false,
    sink: () => memorySink(storage),
    scorer: () => {
      const pin = { model: null };
      const ports = { clock: world.clock, limiter: fixedLimiter(4), pin, target: 'a test' };
      const { rows } = withPolicies(refusing(), { numConcurrent: 4 }, { ...ports, onPause: () => (pauses += 1) });
      return { pin, scorer: rows };
    },
    format: (intake) => createOutputFormat(output, intake, { columns: storage.ledger?.columns ?? null }),
  });
  job.startWorker();
  await world.ending(job.run());
  expect(storage.rows.trimEnd().split('\n')).toEqual(Array.from({ length: 300 }, (_, id) => scored(id)));
  expect(storage.deadLetters).toEqual([]);
  expect(pauses).toBeGreaterThan(0);
});
