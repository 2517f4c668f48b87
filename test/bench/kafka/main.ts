import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { systemClock } from '../../../src/core/clock.ts';
import { createPlatformaticClient } from '../../../src/links/kafka/clients/platformatic/client.ts';
import { startKafka } from '../../support/services/kafka.ts';
import { rowsFile } from '../pipeline/rows-file.ts';
import type { JobCaseInput, JobCaseOutput } from './job-case.ts';
import { measureLatency } from './latency.ts';
import { processCpu } from './process-cpu.ts';
import { rowsTopic } from './rows-topic.ts';

const usage = `npm run bench:kafka -- [--rows N] [--runs N] [--only CASE,CASE] [--client kafkajs|platformatic] [--brokers LIST] [--profile DIR]

Jobs over Kafka (a broker of the bench's own unless --brokers names one), beside the same file without it. The prediction server is
a second process that does nothing. Cases run in turn, medians count. CPU is that of the job's process; that of the broker and the server
together stands behind it (on Linux, with a broker of the bench's own): what bounds a case is where both cores are spent, or one thread is full.

  direct       file -> score -> file, in memory
  blocks       the same with engine: kafka: file -> topic -> score -> topic -> file, one process for all stages
  live         topic -> score -> topic, one CSV row of 80 bytes per record, at least once
  exact        the same, exactly once
  json         the same as live, with JSON rows of 300 bytes
  sink         file -> score -> topic, one row per record, exactly once
  replay       topic -> score -> file, one row per record
  latency      1,000 rows/s through a live job with a linger of 10 ms and a server that takes 5 ms: what is added to those 5 ms,
               from the sending of a row to its being read from the output; at least once and exactly once, and beside it through one topic alone`;

const cases = ['direct', 'blocks', 'live', 'exact', 'json', 'sink', 'replay'] as const;
type CaseName = (typeof cases)[number];
const names = [...cases, 'latency'] as const;

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    runs: { type: 'string', default: '3' },
    only: { type: 'string', default: names.join(',') },
    client: { type: 'string', default: 'kafkajs' },
    brokers: { type: 'string' },
    profile: { type: 'string' },
    stages: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}

const PARTITIONS = 4;
const ROWS_PER_SECOND = 1_000;
/** A broker that has just started translates its own code meanwhile: the second half counts. */
const SECONDS = 60;
const SERVER_MS = 5;
const rows = Number(values.rows);
const library = values.client === 'platformatic' ? 'platformatic' : 'kafkajs';
const wanted = values.only.split(',');
const chosen = cases.filter((name) => wanted.includes(name));
const here = import.meta.dirname;
const work = join(here, '../../../work/bench');
const file = join(work, `rows-${rows}.csv`);
const prefix = `bench-${process.pid}`;
const FEATURES = Array.from({ length: 12 }, (_, i) => `f${String(i + 1).padStart(2, '0')}`);
const COLUMNS = ['id', ...FEATURES];
if (values.profile !== undefined) mkdirSync(values.profile, { recursive: true });

async function firstLine(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) return line;
  throw new Error('the null server did not start');
}

function profileOf(name: string): string | null {
  return values.profile === undefined ? null : join(values.profile, `${name}-${library}.cpuprofile`);
}

function inputOf(name: CaseName, port: number, brokers: readonly string[], run: number): JobCaseInput {
  const scored = join(work, `scored-${name}.csv`);
  const output = `${prefix}-out-${name}-${run}`;
  const shared = {
    deployment: { id: 'bench', server: `http://127.0.0.1:${port}`, wire: 'datarobot', reply: 'csv', target: 'y' },
    passthroughColumns: ['id'] as string[],
    numConcurrent: PARTITIONS,
    kafka: { brokers: [...brokers] as string[], client: library, job: `${prefix}-${run}` },
  } as const;
  const fromFile = { intakeSettings: { type: 'localFile', file } } as const;
  const toFile = { outputSettings: { type: 'localFile', path: scored } } as const;
  const fromTopic = (topic: string, format: 'csv' | 'json', until: 'end' | null) =>
    ({
      intakeSettings: {
        type: 'kafka',
        topic,
        group: until === null ? `${output}-group` : null,
        until,
        format,
        columns: format === 'csv' ? [...COLUMNS] : null,
      },
    }) as const;
  const toTopic = (format: 'csv' | 'json', delivery: 'exactlyOnce' | 'atLeastOnce') =>
    ({ outputSettings: { type: 'kafka', topic: output, format, delivery } }) as const;
  const csv = `${prefix}-csv`;
  const jobs = {
    direct: { ...shared, ...fromFile, ...toFile, kafka: null },
    blocks: { ...shared, ...fromFile, ...toFile, engine: 'kafka' },
    live: { ...shared, ...fromTopic(csv, 'csv', null), ...toTopic('csv', 'atLeastOnce') },
    exact: { ...shared, ...fromTopic(csv, 'csv', null), ...toTopic('csv', 'exactlyOnce') },
    json: { ...shared, ...fromTopic(`${prefix}-json`, 'json', null), ...toTopic('json', 'atLeastOnce') },
    sink: { ...shared, ...fromFile, ...toTopic('csv', 'exactlyOnce'), passthroughColumnsSet: 'all' },
    replay: { ...shared, ...fromTopic(csv, 'csv', 'end'), ...toFile },
  } as const satisfies Record<CaseName, JobCaseInput['job']>;
  return {
    job: jobs[name],
    rows,
    live: ['live', 'exact', 'json'].includes(name),
    profile: profileOf(name),
  };
}

async function runCase(input: JobCaseInput): Promise<JobCaseOutput> {
  const child = spawn(process.execPath, [join(here, 'job-case.ts'), JSON.stringify(input)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let last = '';
  for await (const line of createInterface({ input: child.stdout })) last = line;
  return JSON.parse(last) as JobCaseOutput;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

/** A run of a case, with the CPU seconds that the broker and the prediction server used meanwhile. */
interface Outcome extends JobCaseOutput {
  readonly otherSeconds: number;
}

const rateOf = ({ rows: done, seconds }: JobCaseOutput): number => done / seconds;

function show(name: string, runs: readonly Outcome[]): void {
  const rates = runs.map((run) => rateOf(run) / 1000);
  const cpu = runs.map(({ rows: done, cpuSeconds }) => (1e6 * cpuSeconds) / done);
  const others = runs.map(({ rows: done, otherSeconds }) => (1e6 * otherSeconds) / done);
  const range = `${Math.min(...rates).toFixed(0)}-${Math.max(...rates).toFixed(0)}`;
  const peak = Math.max(...runs.map(({ peakMb }) => peakMb));
  console.log(
    `${name.padEnd(8)} ${median(rates).toFixed(0).padStart(6)} k rows/s (${range})  ${median(cpu).toFixed(2).padStart(6)} CPU-s/M rows (${Math.min(...cpu).toFixed(2)}-${Math.max(...cpu).toFixed(2)}) + ${median(others).toFixed(2)}  ${peak.toFixed(0).padStart(5)} MB peak`,
  );
  if (values.stages) console.log(`  time by stage: ${runs.at(-1)?.stages}`);
}

/** The rate of one case beside that of another in the same turn, so that a neighbour on the machine slows both. */
function showRatio(name: CaseName, beside: CaseName, outcomes: ReadonlyMap<CaseName, readonly Outcome[]>): void {
  const [runs = [], others = []] = [outcomes.get(name), outcomes.get(beside)];
  if (runs.length === 0 || others.length === 0) return;
  const ratios = runs.map((run, i) => rateOf(run) / rateOf(others[i]!));
  console.log(
    `${name} / ${beside}: ${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)})`,
  );
}

async function latency(delivery: 'atLeastOnce' | 'exactlyOnce'): Promise<void> {
  const slow = nullServer(SERVER_MS);
  const topics = ['in', 'out', 'bare'].map((end) => `${prefix}-latency-${delivery}-${end}`);
  const [input, output, bareTopic] = topics as [string, string, string];
  try {
    const port = Number(await firstLine(slow));
    for (const name of topics)
      await client.topics.create({ name, partitions: PARTITIONS, replicationFactor: 1, config: {} });
    const { job } = inputOf('live', port, brokers, 0);
    const total = ROWS_PER_SECOND * SECONDS;
    const running = runCase({
      job: {
        ...job,
        lingerMs: 10,
        intakeSettings: { type: 'kafka', topic: input, group: `${input}-group`, format: 'csv', columns: [...COLUMNS] },
        outputSettings: { type: 'kafka', topic: output, format: 'csv', delivery },
      },
      rows: total,
      live: true,
      profile: profileOf(`latency-${delivery}`),
    });
    const features = FEATURES.map((_, i) => (0.1 * i).toFixed(3)).join(',');
    const measured = measureLatency(client, {
      input,
      output,
      bare: bareTopic,
      partitions: PARTITIONS,
      rowsPerSecond: ROWS_PER_SECOND,
      seconds: SECONDS,
      serverMs: SERVER_MS,
      row: (id) => `${id},${features}`,
    });
    // A job that fails ends the wait for its rows.
    const [{ rows: counted, p50, p99, bare }, { cpuSeconds, seconds }] = await Promise.all([measured, running]);
    console.log(
      `latency  ${delivery}: ${p50.toFixed(1)} ms (median), ${p99.toFixed(1)} ms (p99) above the server's ${SERVER_MS} ms, ${counted} rows at ${ROWS_PER_SECOND} rows/s, ${((100 * cpuSeconds) / seconds).toFixed(0)} % of a core; one topic alone: ${bare.p50.toFixed(1)} and ${bare.p99.toFixed(1)} ms`,
    );
  } finally {
    slow.kill();
    await client.topics.remove([...topics, `${output}.dead`]);
  }
}

const own = values.brokers === undefined ? await startKafka({ lasting: true }) : null;
const brokers = own?.brokers ?? values.brokers!.split(',');
const nullServer = (serviceMs: number): ChildProcess =>
  spawn(process.execPath, [join(here, '../pipeline/null-server.ts'), `${serviceMs}`], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
const server = nullServer(0);
const othersCpu = (): number => (processCpu(own?.pid) ?? 0) + (processCpu(server.pid) ?? 0);
const connection = {
  brokers,
  clientId: 'bench',
  rack: null,
  tls: null,
  sasl: null,
  compression: 'none',
  retryMs: 30_000,
} as const;
const client = await createPlatformaticClient(connection, { clock: systemClock });
try {
  const port = Number(await firstLine(server));
  await rowsFile(file, rows);
  const made: string[] = [];
  const seed = async (format: 'csv' | 'json'): Promise<void> => {
    made.push(`${prefix}-${format}`);
    await rowsTopic(client, { topic: `${prefix}-${format}`, partitions: PARTITIONS, file, format });
  };
  if (chosen.some((name) => ['live', 'exact', 'replay'].includes(name))) await seed('csv');
  if (chosen.includes('json')) await seed('json');
  console.log(`${rows} rows, ${PARTITIONS} partitions, ${library}, Node ${process.version}`);
  const outcomes = new Map<CaseName, Outcome[]>(chosen.map((name) => [name, []]));
  for (let run = 0; run < Number(values.runs); run += 1) {
    for (const name of chosen) {
      const output = `${prefix}-out-${name}-${run}`;
      await client.topics.create({ name: output, partitions: PARTITIONS, replicationFactor: 1, config: {} });
      const before = othersCpu();
      const outcome = await runCase(inputOf(name, port, brokers, run));
      outcomes.get(name)!.push({ ...outcome, otherSeconds: othersCpu() - before });
      await client.topics.remove([output, `${output}.dead`]);
      for (const suffix of ['', '.manifest.json']) rmSync(join(work, `scored-${name}.csv${suffix}`), { force: true });
    }
  }
  for (const [name, runs] of outcomes) show(name, runs);
  showRatio('blocks', 'direct', outcomes);
  showRatio('exact', 'live', outcomes);
  if (wanted.includes('latency'))
    for (const delivery of ['atLeastOnce', 'exactlyOnce'] as const) await latency(delivery);
  await client.topics.remove(made);
} finally {
  server.kill();
  await client.close();
  await own?.[Symbol.asyncDispose]();
}
