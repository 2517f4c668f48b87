// `npm start`: three million real flights (or as many as `npm start -- --rows N` says), a real model, a real prediction server, from a file to a file.
import { statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { showProgress } from '../src/cli/progress-display.ts';
import { count, rate } from '../src/cli/progress-text.ts';
import { runJob } from '../src/index.ts';
import { bottleneck } from '../src/jobs/bottleneck.ts';
import { startModelServer } from '../src/model-server/index.ts';
import { makeFlightsFile } from './demo/flights-file.ts';
import { mostDelayed } from './demo/most-delayed.ts';

const root = join(import.meta.dirname, '..');
const { rows } = parseArgs({ options: { rows: { type: 'string' } } }).values;
const wanted = rows === undefined ? Number.POSITIVE_INFINITY : Number(rows);
if (!(wanted >= 1)) throw new RangeError(`--rows ${rows} is no number of flights; give one of 1 and more`);
const flights = join(root, 'work', 'flights', rows === undefined ? 'flights.csv' : `flights-${wanted}.csv`);
const scored = join(root, 'work', 'flights', 'scored.csv');
const CONCURRENCY = 4;
const show = (path: string): string => relative(process.cwd(), path);

console.log('Making the file of flights (once; from Parquet) ...');
await makeFlightsFile(flights, wanted);
console.log(`${show(flights)}: ${(statSync(flights).size / 1e6).toFixed(0)} MB`);

await using server = await startModelServer({ models: join(root, 'models'), port: 0 });
console.log(`Prediction server at ${server.url}, deployment "flights": the delay of a flight, in minutes.`);

const run = runJob(
  {
    deployment: { id: 'flights', server: server.url, wire: 'datarobot' },
    intakeSettings: { type: 'localFile', file: flights },
    outputSettings: { type: 'localFile', path: scored },
    passthroughColumns: ['flight_id', 'date', 'origin', 'destination'],
    numConcurrent: CONCURRENCY,
  },
  { overwrite: true },
);
const [, { manifest, progress }] = await Promise.all([showProgress(run, 'auto', process.stderr), run.result]);

console.log(`
${count(manifest.tally.scored)} flights scored in ${(progress.elapsedMs / 1000).toFixed(1)} s (${rate(progress.rowsPerSecond)}); ${count(manifest.tally.failed)} failed
request latency   p50 ${progress.latency?.p50.toFixed(0)} ms, p99 ${progress.latency?.p99.toFixed(0)} ms
slowest part      ${bottleneck(progress.stages, CONCURRENCY)}
output            ${show(scored)} (${manifest.columns.join(', ')})

The five flights with the longest predicted delay:`);
for (const [delay, id, date, origin, destination] of await mostDelayed(scored, 5)) {
  console.log(
    `  ${Number(delay).toFixed(1).padStart(6)} min   ${origin} to ${destination}   ${date?.replace('T', ' ')}   flight ${id}`,
  );
}
console.log(`
Try next:
  npm run --silent sluice -- verify ${show(scored)}
  npm run --silent sluice -- model-server --port 8100
  npm run --silent sluice -- score ${show(flights)} late.csv --server http://127.0.0.1:8100 --deployment flights-late --passthrough flight_id
  npm run --silent sluice -- run config/examples/file-to-file.yaml
  npm run --silent sluice -- catalog add flights config/examples/flights.csv
  npm run --silent sluice -- run config/examples/dataset.yaml
  npm run --silent sluice -- --help`);
