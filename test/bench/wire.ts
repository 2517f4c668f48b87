/**
 * What the DataRobot wire costs without a network: building requests of rows of about 78 bytes, and reading replies.
 * Run: node test/bench/wire.ts [millions of rows per case, default 4]
 */
import { systemClock } from '../../src/core/clock.ts';
import { RowBatch } from '../../src/core/row-batch.ts';
import { schemaOf } from '../../src/core/schema.ts';
import { createDatarobotWire } from '../../src/scoring/wires/datarobot.ts';
import { PLAIN_SCORING, type WireReply } from '../../src/scoring/wires/wire.ts';

const millions = Number(process.argv[2] ?? 4);

function flights(rows: number): RowBatch {
  const lines = Array.from(
    { length: rows },
    (_, i) =>
      `${1_000_000 + i},2001-03-${10 + (i % 20)}T1${i % 10}:05,${i % 2500},BOS,LGA,AA,${i % 24},3.14159,2.71828,N1${i % 900},x,y,z${i}\n`,
  );
  const ends = new Uint32Array(rows);
  let length = 0;
  for (const [i, line] of lines.entries()) {
    length += line.length;
    ends[i] = length;
  }
  const schema = schemaOf(['id', 'date', 'distance', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']);
  const origin = { split: 'bench', firstRow: 0, after: null, position: 0, rejected: [] };
  return RowBatch.fromCsv(schema, origin, Buffer.from(lines.join('')), ends);
}

function csvReply(rows: number): WireReply {
  const lines = Array.from({ length: rows }, (_, i) => `${((i * 7919) % 10_007) / 31},${i}\n`);
  return { status: 200, headers: {}, body: Buffer.from(`delay_PREDICTION,__sluice_row__\n${lines.join('')}`) };
}

function jsonReply(rows: number): WireReply {
  const data = Array.from({ length: rows }, (_, rowId) => {
    const prediction = ((rowId * 7919) % 10_007) / 31;
    return { prediction, predictionValues: [{ label: 'delay', value: prediction }], rowId };
  });
  return { status: 200, headers: {}, body: Buffer.from(JSON.stringify({ data })) };
}

function measure(name: string, rows: number, task: () => void): void {
  const target = millions * 1e6;
  for (let done = 0; done < target / 10; done += rows) task();
  const start = process.cpuUsage();
  const from = performance.now();
  let done = 0;
  for (; done < target; done += rows) task();
  const { user, system } = process.cpuUsage(start);
  const cpu = (user + system) / 1e6;
  const wall = (performance.now() - from) / 1e3;
  const rate = (done / cpu / 1e6).toFixed(2);
  console.log(`${name}\t${rows}\t${(cpu / (done / 1e6)).toFixed(3)}\t${rate}\t${(done / wall / 1e6).toFixed(2)}`);
}

console.log('case\trows a batch\tCPU-s per M rows\tM rows/s a core\tM rows/s by the clock');
for (const rows of [1000, 5000]) {
  const batch = flights(rows);
  const options = { server: 'http://h', deploymentId: 'd', settings: PLAIN_SCORING, clock: systemClock };
  const csv = createDatarobotWire({ ...options, pin: { model: null } });
  const json = createDatarobotWire({ ...options, pin: { model: null }, reply: 'json', targetName: 'delay' });
  const csvBody = csvReply(rows);
  const jsonBody = jsonReply(rows);
  console.log(
    `# ${(batch.bytes.length / rows).toFixed(0)} bytes a row, replies of ${(csvBody.body.length / rows).toFixed(0)} (CSV) and ${(jsonBody.body.length / rows).toFixed(0)} (JSON)`,
  );
  measure('request, numbered', rows, () => csv.request(batch));
  measure('request, plain', rows, () => json.request(batch));
  measure('reply, CSV', rows, () => csv.read(batch, csvBody));
  measure('reply, JSON', rows, () => json.read(batch, jsonBody));
}
