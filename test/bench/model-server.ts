/**
 * How fast the local prediction server is: whole HTTP requests with CSV in and CSV out, the server in a process of its own.
 *
 *     npm exec -- node test/bench/model-server.ts [rows per request]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { startModelServer } from '../../src/model-server/index.ts';

const ROWS_PER_CASE = 300_000;
const EXPLAINED_ROWS_PER_CASE = 10_000;
const models = fileURLToPath(new URL('../../models', import.meta.url));

interface Case {
  readonly deployment: string;
  readonly query: string;
  readonly accept: string;
  readonly rows: number;
}

/** The child's part: serves, and says its address and the CPU time that it used, in microseconds. */
async function serve(): Promise<void> {
  const server = await startModelServer({ models, port: 0 });
  process.on('message', () => process.send?.(process.cpuUsage()));
  process.on('disconnect', () => void server.close());
  process.send?.(server.url);
}

async function post(agent: Agent, url: string, accept: string, body: Buffer): Promise<Buffer> {
  const headers = { 'content-type': 'text/csv', accept, 'content-length': body.length };
  const sent = request(url, { agent, method: 'POST', headers }).end(body);
  const [reply] = await once(sent, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of reply) chunks.push(chunk);
  if (reply.statusCode !== 200) throw new Error(`status ${reply.statusCode}: ${Buffer.concat(chunks).toString()}`);
  return Buffer.concat(chunks);
}

/** Bodies of `size` rows, with a header each, from the rows of the golden file. */
function bodiesOf(deployment: string, size: number): readonly Buffer[] {
  const path = new URL(`../golden/${deployment}.json.gz`, import.meta.url);
  const { csv }: { csv: string } = JSON.parse(gunzipSync(readFileSync(path)).toString());
  const [header, ...rows] = csv.trimEnd().split('\n');
  const count = Math.max(1, Math.floor(rows.length / size));
  return Array.from({ length: count }, (_, i) => {
    const own = Array.from({ length: size }, (_, row) => rows[(i * size + row) % rows.length]);
    return Buffer.from(`${header}\n${own.join('\n')}\n`);
  });
}

async function measure(): Promise<void> {
  const size = Number(process.argv[2] ?? 1000);
  const child = fork(fileURLToPath(import.meta.url), ['--serve']);
  const [url] = await once(child, 'message');
  const cpu = async (): Promise<number> => {
    child.send('usage');
    const [{ user, system }] = await once(child, 'message');
    return (user + system) / 1e6;
  };
  const cases: Case[] = [
    { deployment: 'flights', query: '', accept: 'text/csv', rows: ROWS_PER_CASE },
    { deployment: 'flights', query: '', accept: 'application/json', rows: ROWS_PER_CASE },
    { deployment: 'flights', query: '?passthroughColumnsSet=all', accept: 'text/csv', rows: ROWS_PER_CASE },
    { deployment: 'flights-late', query: '', accept: 'text/csv', rows: ROWS_PER_CASE },
    { deployment: 'penguins', query: '', accept: 'text/csv', rows: ROWS_PER_CASE },
    { deployment: 'flights', query: '?maxExplanations=3', accept: 'text/csv', rows: EXPLAINED_ROWS_PER_CASE },
  ];
  console.log(`${size} rows a request, Node ${process.version}`);
  console.log('in flight  rows/s  rows per CPU-s of the server  case');
  for (const { deployment, query, accept, rows } of cases) {
    const bodies = bodiesOf(deployment, size);
    const address = `${url}/predApi/v1.0/deployments/${deployment}/predictions${query}`;
    for (const inFlight of [1, 2]) {
      const agent = new Agent({ keepAlive: true });
      const requests = Math.ceil(rows / size);
      let next = 0;
      const worker = async (until: number): Promise<void> => {
        while (next < until) await post(agent, address, accept, bodies[next++ % bodies.length]!);
      };
      await worker(Math.ceil(requests / 5));
      next = 0;
      const [start, cpuStart] = [performance.now(), await cpu()];
      await Promise.all(Array.from({ length: inFlight }, () => worker(requests)));
      const seconds = (performance.now() - start) / 1000;
      const cpuSeconds = (await cpu()) - cpuStart;
      agent.destroy();
      const [perSecond, perCpu] = [seconds, cpuSeconds].map((s) =>
        Math.round((requests * size) / s).toLocaleString('en'),
      );
      console.log(`${inFlight}  ${perSecond}  ${perCpu}  ${deployment}${query} ${accept}`);
    }
  }
  child.disconnect();
  await once(child, 'exit');
}

await (process.argv[2] === '--serve' ? serve() : measure());
