import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { benchBaseline } from './bench-baseline.ts';
import type { CaseInput, CaseOutput } from './case.ts';
import { rowsFile } from './rows-file.ts';

const usage = `npm run bench -- [--rows N] [--runs N] [--concurrency N] [--chunk-bytes N] [--only CASE,CASE] [--memory]

Scores a generated file (13 columns, about 78 bytes a row) against a prediction server in a second process that does
nothing, and prints rows/s, CPU and memory of each case, all in one run.

  --rows         rows of the file (5000000)
  --runs         how often each case runs, in turn; the median is printed (3)
  --concurrency  requests in flight (4)
  --chunk-bytes  bytes of one request (262144)
    --only         bare,sluice,fixed,learned,drift,drift-all,json,csv-parse
  --memory       the product alone with 1 M and 20 M rows: peak memory must not grow`;

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '5000000' },
    runs: { type: 'string', default: '3' },
    concurrency: { type: 'string', default: '4' },
    'chunk-bytes': { type: 'string', default: '262144' },
    only: { type: 'string', default: 'bare,sluice,drift,json,csv-parse' },
    memory: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}

const here = import.meta.dirname;
const work = join(here, '../../../work/bench');
/** The csv-parse pipeline is so much slower that a part of the rows tells its rate. */
const SLOW_CASE_SHARE = 20;

interface Case {
  readonly name: string;
  readonly script: string;
  readonly reply: 'csv' | 'json';
  readonly share: number;
  readonly limiter?: 'auto' | 'fixed';
  readonly chunkSize?: 'auto';
  readonly driftSampling?: 'auto' | 'all';
}
const cases: readonly Case[] = [
  { name: 'bare', script: 'case-bare.ts', reply: 'csv', share: 1 },
  { name: 'sluice', script: 'case-sluice.ts', reply: 'csv', share: 1 },
  { name: 'fixed', script: 'case-sluice.ts', reply: 'csv', share: 1, limiter: 'fixed' },
  { name: 'learned', script: 'case-sluice.ts', reply: 'csv', share: 1, chunkSize: 'auto' },
  { name: 'drift', script: 'case-sluice.ts', reply: 'csv', share: 1, driftSampling: 'auto' },
  { name: 'drift-all', script: 'case-sluice.ts', reply: 'csv', share: 1, driftSampling: 'all' },
  { name: 'json', script: 'case-sluice.ts', reply: 'json', share: 5 },
  { name: 'csv-parse', script: 'case-csv-parse.ts', reply: 'csv', share: SLOW_CASE_SHARE },
];

async function firstLine(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) return line;
  throw new Error('the null server did not start');
}

async function runCase(tested: Case, rows: number, port: number): Promise<CaseOutput> {
  const count = Math.max(1, Math.floor(rows / tested.share));
  const file = join(work, `rows-${count}.csv`);
  await rowsFile(file, count);
  const output = join(work, `scored-${tested.name}.csv`);
  const input: CaseInput = {
    file,
    rows: count,
    port,
    output,
    concurrency: Number(values.concurrency),
    chunkBytes: Number(values['chunk-bytes']),
    reply: tested.reply,
    limiter: tested.limiter ?? 'auto',
    chunkSize: tested.chunkSize ?? 'bytes',
    monitoring:
      tested.driftSampling === undefined
        ? null
        : { baseline: await benchBaseline(work), driftSampling: tested.driftSampling },
  };
  const child = spawn(process.execPath, [join(here, tested.script), JSON.stringify(input)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let last = '';
  for await (const line of createInterface({ input: child.stdout })) last = line;
  for (const suffix of ['', '.manifest.json']) rmSync(`${output}${suffix}`, { force: true });
  return JSON.parse(last) as CaseOutput;
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

function line(name: string, runs: readonly CaseOutput[]): { readonly rate: number } {
  const rates = runs.map(({ rows, seconds }) => rows / seconds);
  const cpu = median(runs.map(({ rows, cpuSeconds }) => (1e6 * cpuSeconds) / rows));
  const peak = Math.max(...runs.map(({ peakMb }) => peakMb));
  const rate = median(rates);
  const range = `${(Math.min(...rates) / 1e6).toFixed(3)}-${(Math.max(...rates) / 1e6).toFixed(3)}`;
  console.log(
    `${name.padEnd(14)} ${(rate / 1e6).toFixed(3).padStart(7)} M rows/s (${range})  ${cpu.toFixed(2).padStart(6)} CPU-s/M rows  ${peak.toFixed(0).padStart(5)} MB peak`,
  );
  const note = runs.at(-1)?.note;
  if (note !== undefined) console.log(`  time by stage: ${note}`);
  return { rate };
}

const server = spawn(process.execPath, [join(here, 'null-server.ts')], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
try {
  const port = Number(await firstLine(server));
  if (values.memory) {
    for (const rows of [1_000_000, 20_000_000]) line(`${rows / 1e6} M rows`, [await runCase(cases[1]!, rows, port)]);
  } else {
    const chosen = cases.filter(({ name }) => values.only.split(',').includes(name));
    const outcomes = new Map<string, CaseOutput[]>(chosen.map(({ name }) => [name, []]));
    for (let run = 0; run < Number(values.runs); run += 1) {
      for (const tested of chosen) outcomes.get(tested.name)!.push(await runCase(tested, Number(values.rows), port));
    }
    const rates = new Map([...outcomes].map(([name, runs]) => [name, line(name, runs).rate]));
    const ratio = (a: string, b: string): void => {
      const [x, y] = [rates.get(a), rates.get(b)];
      if (x !== undefined && y !== undefined) console.log(`${a} / ${b}: ${(x / y).toFixed(2)}`);
    };
    ratio('sluice', 'bare');
    ratio('sluice', 'csv-parse');
    ratio('sluice', 'fixed');
    ratio('learned', 'fixed');
    ratio('drift', 'sluice');
    ratio('drift-all', 'sluice');
  }
} finally {
  server.kill();
}
