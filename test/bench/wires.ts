/**
 * What each wire costs: building requests of rows with ten numbers and reading replies, without a network, and the same over HTTP
 * against a server in this process that answers with a prepared reply.
 * Run: node test/bench/wires.ts [millions of rows per case, default 1]
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../src/core/clock.ts';
import { RowBatch } from '../../src/core/row-batch.ts';
import { schemaOf } from '../../src/core/schema.ts';
import { createHttpScorer } from '../../src/scoring/http-scorer.ts';
import { createWire } from '../../src/scoring/wires/create-wire.ts';
import { MLFLOW_DEFAULTS } from '../../src/scoring/wires/mlflow.ts';
import { OIP_DEFAULTS } from '../../src/scoring/wires/oip.ts';
import { PLAIN_SCORING, type Wire } from '../../src/scoring/wires/wire.ts';
import type { WiredDeployment } from '../../src/scoring/wires/wired-deployment.ts';

const millions = Number(process.argv[2] ?? 1);
const ROWS = 5000;
const names = Array.from('abcdefghij');
const signal = new AbortController().signal;

interface Case {
  readonly name: string;
  readonly deployment: Omit<WiredDeployment, 'id' | 'server'>;
  readonly reply: Reply;
}

interface Reply {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const value = (row: number): number => ((row * 7919) % 10_007) / 31;
const share = (row: number): number => ((row * 7919) % 10_007) / 10_007;
const each = (text: (row: number) => string): string => Array.from({ length: ROWS }, (_, row) => text(row)).join(',');
const json = (text: string): Reply => ({ headers: { 'content-type': 'application/json' }, body: Buffer.from(text) });
const list = json(`{"predictions":[${each((row) => String(value(row)))}]}`);
const classes = json(`{"predictions":[${each((row) => `{"no":${share(row)},"yes":${1 - share(row)}}`)}]}`);
const oipJson = json(
  `{"model_name":"d","outputs":[{"name":"p","shape":[${ROWS},1],"datatype":"FP64","data":[${each((row) => String(value(row)))}]}]}`,
);

function oipBinary(): Reply {
  const data = Buffer.from(Float64Array.from({ length: ROWS }, (_, row) => value(row)).buffer);
  const output = { name: 'p', datatype: 'FP64', shape: [ROWS, 1], parameters: { binary_data_size: data.length } };
  const header = Buffer.from(JSON.stringify({ model_name: 'd', outputs: [output] }));
  return {
    headers: { 'inference-header-content-length': `${header.length}` },
    body: Buffer.concat([header, data]),
  };
}

const cases: readonly Case[] = [
  {
    name: 'datarobot',
    deployment: { wire: 'datarobot' },
    reply: {
      headers: {},
      body: Buffer.from(
        `y_PREDICTION,__sluice_row__\n${Array.from({ length: ROWS }, (_, row) => `${value(row)},${row}\n`).join('')}`,
      ),
    },
  },
  { name: 'drum', deployment: { wire: 'drum' }, reply: list },
  { name: 'drum, two classes', deployment: { wire: 'drum' }, reply: classes },
  { name: 'mlflow csv', deployment: { wire: 'mlflow' }, reply: list },
  {
    name: 'mlflow dataframe_split',
    deployment: { wire: 'mlflow', mlflow: { ...MLFLOW_DEFAULTS, request: 'dataframe_split' } },
    reply: list,
  },
  { name: 'oip tensor', deployment: { wire: 'oip', oip: { ...OIP_DEFAULTS, input: 'tensor' } }, reply: oipJson },
  { name: 'oip columns', deployment: { wire: 'oip' }, reply: oipJson },
  { name: 'oip binary', deployment: { wire: 'oip', oip: { ...OIP_DEFAULTS, encoding: 'binary' } }, reply: oipBinary() },
  { name: 'json objects', deployment: { wire: 'json' }, reply: list },
];

function batch(): RowBatch {
  const lines = Array.from(
    { length: ROWS },
    (_, row) => `${names.map((_, i) => (((row * 31 + i * 977) % 100_003) / 100).toFixed(2)).join(',')}\n`,
  );
  const ends = new Uint32Array(ROWS);
  let length = 0;
  for (const [i, line] of lines.entries()) {
    length += line.length;
    ends[i] = length;
  }
  const origin = { split: 'bench', firstRow: 0, after: null, position: 0, rejected: [] };
  return RowBatch.fromCsv(schemaOf(names), origin, Buffer.from(lines.join('')), ends);
}

async function wireAt(server: string, deployment: Case['deployment']): Promise<Wire> {
  const ports = { scoring: PLAIN_SCORING, clock: systemClock, pin: { model: null } };
  const wire = createWire({ id: 'd', server, target: 'y', ...deployment }, ports);
  const inputs =
    deployment.oip?.input === 'tensor' ? [] : names.map((name) => ({ name, datatype: 'FP64', shape: [-1, 1] }));
  const answers = { name: 'd', inputs, targetType: deployment.wire === 'drum' ? 'regression' : undefined };
  await wire.describe(async () => ({ status: 200, headers: {}, body: Buffer.from(JSON.stringify(answers)) }));
  return wire;
}

async function rate(task: () => unknown): Promise<string> {
  const rows = millions * 1e6;
  for (let done = 0; done < rows / 10; done += ROWS) await task();
  const start = process.cpuUsage();
  for (let done = 0; done < rows; done += ROWS) await task();
  const { user, system } = process.cpuUsage(start);
  return (rows / (user + system)).toFixed(2);
}

const rows = batch();
const server = createServer((request, response) => {
  request.resume();
  request.once('end', () => {
    response.writeHead(200, { ...current.headers, 'content-length': current.body.length });
    response.end(current.body);
  });
});
let current: Reply = list;
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
console.log(
  `# ${ROWS} rows a request, ${rows.bytes.length / ROWS} bytes a row; M rows per CPU-second, over HTTP with the server's`,
);
console.log('wire\trequest\treply\tover HTTP\tbytes a row sent\tback');
for (const { name, deployment, reply } of cases) {
  const wire = await wireAt(url, deployment);
  const sent = wire.request(rows).body?.length ?? 0;
  const made = await rate(() => wire.request(rows).release?.());
  const read = await rate(() => wire.read(rows, { status: 200, ...reply }).release?.());
  current = reply;
  await using scorer = createHttpScorer({ server: url, connections: 1, wire, clock: systemClock });
  const over = await rate(async () => {
    const scores = await scorer.score(rows, signal);
    if (scores.rows !== ROWS || scores.failures.length > 0) throw new Error(`${name} lost rows`);
    scores.release?.();
  });
  console.log(
    `${name}\t${made}\t${read}\t${over}\t${(sent / ROWS).toFixed(0)}\t${(reply.body.length / ROWS).toFixed(0)}`,
  );
}
server.close();
server.closeAllConnections();
