import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyNamedOutput } from '../../src/jobs/verify-named-output.ts';
import { verifyNamedTable } from '../../src/jobs/verify-named-table.ts';
import { isPoison, type LiveKillCase, type LiveKillOutcome, LiveKills } from './live-kills.ts';
import { type KafkaService, startKafka } from './services/kafka.ts';
import { type ConsoleRecord, kafkaConsoleConsumer } from './services/kafka-console-consumer.ts';
import { needs } from './services/needs.ts';
import type { PostgresDatabase } from './services/postgres.ts';

const shapes: readonly Omit<LiveKillCase, 'output'>[] = [
  { partitions: 3, workers: 2, inFlight: 1, broker: false },
  { partitions: 1, workers: 1, inFlight: 4, broker: false },
  { partitions: 4, workers: 3, inFlight: 1, broker: false },
  { partitions: 2, workers: 2, inFlight: 3, broker: true },
  { partitions: 4, workers: 1, inFlight: 2, broker: false },
];

/** Java's consumer tries three times; all of them are within a test's time, so that its complaint is seen. */
const READ_MS = 15_000;

/** Runs of live jobs into one kind of output. */
interface LiveKillRuns {
  readonly output: LiveKillCase['output'];
  readonly firstSeed: number;
  readonly runs: number;
}

/** Registers seeded runs of live jobs under load whose processes are killed with kill -9, one to three times each, on one broker. */
export function liveKillGrid(grid: readonly LiveKillRuns[]): void {
  needs('kafka')('live jobs on a broker of their own', () => {
    let broker: KafkaService;
    beforeAll(async () => {
      broker = await startKafka();
    });
    afterAll(() => broker?.[Symbol.asyncDispose]());
    for (const runs of grid) liveKillRuns(() => broker, runs);
  });
}

function liveKillRuns(broker: () => KafkaService, { output, firstSeed, runs }: LiveKillRuns): void {
  needs(...(output === 'objects' ? (['s3'] as const) : output === 'table' ? (['postgres'] as const) : []))(
    `a live job into ${output} whose processes are killed with kill -9`,
    () => {
      let live: LiveKills;
      let midway = 0;

      beforeAll(async () => {
        live = await LiveKills.start(output, broker());
      });
      afterAll(async () => {
        console.log(`live ${output}: ${midway} kills midway`);
        await live?.[Symbol.asyncDispose]();
      });

      describe('has each row once, in order, and each bad one once among the dead letters', () => {
        for (let run = 0; run < runs; run += 1) {
          const seed = firstSeed + run;
          const tested: LiveKillCase = { output, ...shapes[seed % shapes.length]! };
          const { partitions, workers, inFlight, broker } = tested;
          const title = `${partitions} partitions, ${workers} workers, ${inFlight} in flight${broker ? ', the broker is killed too' : ''}`;
          test(`seed ${seed}: ${title}`, { timeout: 180_000 }, async () => {
            const outcome = await live.run(tested, seed);
            midway += outcome.midway;
            const { brokers } = live.kafka;
            const given = (await live.topics.read(outcome.input)).map(({ partition, offset, key, value, headers }) => ({
              partition,
              offset,
              key,
              value,
              headers: Object.entries(headers).map(([name, value]) => [name, Buffer.from(value)] as const),
            }));
            expect(given.length).toBe(LiveKills.rows);
            if (output === 'topic') await assertTopics(brokers, outcome, given);
            else if (output === 'table') await assertTable(live.database!, seed, given);
            else await assertParts(outcome, given, partitions);
          });
        }
      });

      test('was killed while it worked, not before or after', () => {
        expect(midway).toBeGreaterThanOrEqual(runs);
      });
    },
  );
}

/** The number of a row; every message has it in a header. */
function idOf({ headers }: ConsoleRecord): number {
  return Number(headers.find(([name]) => name === 'number')?.[1]?.toString());
}

function inOrder(records: readonly ConsoleRecord[]): readonly ConsoleRecord[] {
  return records.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset);
}

async function assertTopics(
  brokers: readonly string[],
  { input, output }: LiveKillOutcome,
  given: readonly ConsoleRecord[],
): Promise<void> {
  const [scored, dead] = await Promise.all([
    kafkaConsoleConsumer(brokers, output, { timeoutMs: READ_MS }),
    kafkaConsoleConsumer(brokers, `${output}.dead`, { timeoutMs: READ_MS }),
  ]);
  const wanted = inOrder(given).filter((record) => !isPoison(idOf(record)));
  const rows = inOrder(scored).map((record) => ({ ...record, offset: 0, value: JSON.parse(record.value!.toString()) }));
  expect(rows.map(({ value, ...rest }) => [value.y_PREDICTION, Number(value.id), rest])).toEqual(
    wanted.map(({ value, ...rest }) => [
      2 * idOf({ ...rest, value }),
      idOf({ ...rest, value }),
      { ...rest, offset: 0 },
    ]),
  );
  const poison = inOrder(given).filter((record) => isPoison(idOf(record)));
  const letters = inOrder(dead);
  expect(letters.map(({ key, value, partition }) => [partition, key, value])).toEqual(
    poison.map(({ key, value, partition }) => [partition, key, value]),
  );
  for (const [at, letter] of letters.entries()) {
    const header = (name: string): string | undefined =>
      letter.headers.find(([each]) => each === name)?.[1]?.toString();
    const { partition, offset } = poison[at]!;
    const coordinates = [header('sluice-topic'), header('sluice-partition'), header('sluice-offset'), header('number')];
    expect(coordinates).toEqual([input, `${partition}`, `${offset}`, `${idOf(poison[at]!)}`]);
    expect(header('sluice-error')).toMatch(idOf(letter) % 40 === 3 ? /JSON/i : `row ${idOf(letter)} is bad`);
    expect(header('sluice-kind')).toBe(idOf(letter) % 40 === 3 ? 'skipped' : 'failed');
  }
}

async function assertParts(
  { input, folder }: LiveKillOutcome,
  given: readonly ConsoleRecord[],
  partitions: number,
): Promise<void> {
  const names = readdirSync(folder);
  expect(names.filter((name) => name.includes('.partial') || name.endsWith('.ledger.json'))).toEqual([]);
  for (let partition = 0; partition < partitions; partition += 1) {
    const own = inOrder(given).filter((record) => record.partition === partition);
    const parts = names.filter((name) => name.startsWith(`${input}-${partition}-`) && name.endsWith('.csv')).toSorted();
    const ids: number[] = [];
    const letters: { readonly line: number; readonly bytes: string }[] = [];
    let next = 0;
    for (const part of parts) {
      const path = join(folder, part);
      expect((await verifyNamedOutput(path)).problems).toEqual([]);
      const { job } = JSON.parse(readFileSync(`${path}.manifest.json`, 'utf8'));
      // A part begins where the one before it ended.
      expect(job.from).toBe(next);
      next = job.through;
      const rows = readFileSync(path, 'utf8').match(/^[\d.]*,\d+,"line /gm) ?? [];
      for (const row of rows) {
        const [prediction, id] = row.split(',');
        ids.push(Number(id));
        expect(prediction).toBe(isPoison(Number(id)) ? '' : String(2 * Number(id)));
      }
      if (names.includes(`${part}.dead.jsonl`)) {
        const lines = readFileSync(`${path}.dead.jsonl`, 'utf8').trim().split('\n');
        letters.push(...lines.map((line) => JSON.parse(line)));
      }
    }
    expect(next).toBe(own.length);
    expect(ids).toEqual(own.map(idOf).filter((id) => id % 40 !== 3));
    const poison = own.filter((record) => isPoison(idOf(record)));
    expect(letters.map(({ line }) => line)).toEqual(poison.map(({ offset }) => offset));
  }
}

/** Rows of a table have no order; the parts in its ledger follow each other, and each is finished. */
async function assertTable(database: PostgresDatabase, seed: number, given: readonly ConsoleRecord[]): Promise<void> {
  const { client, jdbcUrl, user, password } = database;
  const named = { jdbcUrl, user, passwordEnv: 'SECRET', table: `out_${seed}` };
  const { problems, unchecked } = await verifyNamedTable(named, undefined, { SECRET: password });
  expect(problems).toEqual([]);
  // The first part found an empty table, so no row may be too many.
  expect(unchecked).toEqual([expect.stringMatching(/^what the rows hold/)]);
  const { rows } = await client.query(`SELECT id::int, "y_PREDICTION"::float8 AS y FROM out_${seed} ORDER BY id::int`);
  const wanted = given
    .map(idOf)
    .filter((id) => id % 40 !== 3)
    .toSorted((a, b) => a - b);
  expect(rows).toEqual(wanted.map((id) => ({ id, y: isPoison(id) ? null : 2 * id })));
  const parts = await client.query(
    "SELECT state, manifest::json->'job' AS job FROM sluice_ledger WHERE output LIKE $1",
    [`public.out_${seed} %`],
  );
  const next = new Map<string, number>();
  const jobs = parts.rows.map(({ job }: { job: { split: string; from: number; through: number } }) => job);
  expect(parts.rows.every(({ state }: { state: string }) => state === 'finished')).toBe(true);
  for (const { split, from, through } of jobs.toSorted((a, b) => a.from - b.from)) {
    // A part begins where the one before it ended.
    expect(from, split).toBe(next.get(split) ?? 0);
    next.set(split, through);
  }
  expect([...next.values()].reduce((sum, through) => sum + through, 0)).toBe(given.length);
  const letters = await client.query(
    "SELECT letter::json->>'split' AS split, (letter::json->>'line')::int AS line FROM sluice_dead_letters WHERE output LIKE $1",
    [`public.out_${seed} %`],
  );
  const poison = inOrder(given).filter((record) => isPoison(idOf(record)));
  const found = letters.rows.map(
    ({ split, line }: { split: string; line: number }) => `${split.split('/').at(-1)}@${line}`,
  );
  expect(found.toSorted()).toEqual(poison.map(({ partition, offset }) => `${partition}@${offset}`).toSorted());
}
