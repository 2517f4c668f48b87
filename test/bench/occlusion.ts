/**
 * How far explanations by occlusion agree with the exact SHAP values of the local prediction server, and what they cost: whole jobs over
 * real rows, the server in a process of its own.
 *
 *     npm exec -- node test/bench/occlusion.ts [rows] [baseline rows,…]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { startModelServer } from '../../src/model-server/index.ts';
import { agreementOf } from '../support/explanation-agreement.ts';
import { flightRows } from '../support/matrix/flight-rows.ts';

const BASELINES = (process.argv[3] ?? '10,25,50,100,200').split(',').map(Number);
/** Enough for every baseline of the cases. */
const MAX_COPIES = 10_000;
const models = fileURLToPath(new URL('../../models', import.meta.url));

/** The child's part: serves, and says its address. */
async function serve(): Promise<void> {
  const server = await startModelServer({ models, port: 0 });
  process.on('disconnect', () => void server.close());
  process.send?.(server.url);
}

/** Lines `from` to `from + count - 1` of the golden file, which has real rows in no order, and the header. */
function goldenRows(deployment: string, from: number, count: number): string {
  const path = new URL(`../golden/${deployment}.json.gz`, import.meta.url);
  const { csv }: { csv: string } = JSON.parse(gunzipSync(readFileSync(path)).toString());
  const [header, ...rows] = csv.trimEnd().split('\n');
  return [header, ...rows.slice(from, from + count)].map((line) => `${line}\n`).join('');
}

/** The first flights of the file that has them in the order of time: all of one night. */
async function firstFlights(count: number): Promise<string> {
  const rows = await flightRows(count);
  const lines = rows.map(({ date, distance, origin, destination }) => [date, distance, origin, destination].join(','));
  return `date,distance,origin,destination\n${lines.join('\n')}\n`;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

async function measure(): Promise<void> {
  const count = Number(process.argv[2] ?? 1000);
  const child = fork(fileURLToPath(import.meta.url), ['--serve']);
  const [server] = await once(child, 'message');
  const folder = mkdtempSync(join(tmpdir(), 'sluice-occlusion-'));
  const file = join(folder, 'baseline.csv');
  const cases = [
    { name: 'flights', deployment: 'flights', csv: goldenRows('flights', 0, count) },
    { name: 'flights, other rows', deployment: 'flights', csv: goldenRows('flights', 5000, count) },
    { name: 'flights-late', deployment: 'flights-late', csv: goldenRows('flights-late', 0, count) },
    { name: 'penguins', deployment: 'penguins', csv: goldenRows('penguins', 0, Math.min(count, 344)) },
    { name: 'one night of flights', deployment: 'flights', csv: await firstFlights(count) },
    {
      name: 'one night of flights, baseline of all',
      deployment: 'flights',
      csv: await firstFlights(count),
      baseline: goldenRows('flights', 0, 2000),
    },
  ];
  console.log('baseline rows | same top 3 | mean overlap of the top 3 | same top 1 | copies a row | copies/s | case');
  for (const { name, deployment, csv, baseline } of cases) {
    for (const baselineRows of BASELINES) {
      if (baseline !== undefined) writeFileSync(file, baseline);
      const explanation = {
        baselineRows,
        maxCopies: MAX_COPIES,
        ...(baseline === undefined ? {} : { baseline: { type: 'localFile', file } as const }),
      };
      const { agreement, occlusion } = await agreementOf({ server, deployment, csv, top: 3, explanation });
      const { sameSet, overlap, sameFirst, rows } = agreement;
      const { copies = 0 } = occlusion.progress.explanations ?? {};
      const perSecond = Math.round((1000 * copies) / occlusion.progress.elapsedMs).toLocaleString('en');
      const shares = [sameSet, overlap, sameFirst].map(percent).join(' | ');
      console.log(`${baselineRows} | ${shares} | ${Math.round(copies / rows)} | ${perSecond} | ${name}`);
    }
  }
  rmSync(folder, { recursive: true, force: true });
  child.disconnect();
  await once(child, 'exit');
}

await (process.argv[2] === '--serve' ? serve() : measure());
