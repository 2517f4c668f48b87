/**
 * Records what real prediction servers answer, word for word, for the tests that run without them: test/golden/wires/*.json.
 * Run: node test/support/real-servers/record.ts (installs the servers from PyPI first, which takes some minutes)
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RealServer, startDrum, startMlflow, startMlserver } from '../real-servers.ts';

/** A request and its reply. Texts are as they went over the wire. */
interface Exchange {
  readonly request: { readonly method: string; readonly path: string; readonly type?: string; readonly body?: string };
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const folder = join(import.meta.dirname, '../../golden/wires');
mkdirSync(folder, { recursive: true });

const csv = 'a,b,c,id\n1,1,1,007\n0.5,-1,2,x\n';
const badCsv = 'a,b,c,id\n1,1,1,007\nabc,-1,2,x\n';
const lackingCsv = 'a,b,id\n1,1,007\n0.5,-1,x\n';
const unclosedCsv = 'a,b,c,id\n1,1,1,007\n"abc,-1,2,x\n';
/** Kept of the headers: the rest is of the moment, or of HTTP. */
const HEADERS = new Set(['content-type', 'connection', 'x-drum-version']);

async function exchange(
  server: RealServer,
  method: 'GET' | 'POST',
  path: string,
  body?: string,
  type = 'text/csv',
): Promise<Exchange> {
  const init = body === undefined ? { method } : { method, body, headers: { 'content-type': type } };
  const reply = await fetch(`${server.url}${path}`, init);
  const text = await reply.text();
  return {
    request: { method, path, ...(body === undefined ? {} : { type, body }) },
    status: reply.status,
    headers: Object.fromEntries([...reply.headers].filter(([name]) => HEADERS.has(name))),
    body: text,
  };
}

function keep(name: string, exchanges: Readonly<Record<string, Exchange>>): void {
  // Ids of requests, and folders of the machine that it ran on, say nothing.
  const text = JSON.stringify(exchanges, null, 1)
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '00000000-0000-0000-0000-000000000000')
    .replaceAll(/\/[\w./-]*\/(site-packages|models)\//g, '/$1/');
  writeFileSync(join(folder, `${name}.json`), `${text}\n`);
  process.stdout.write(`wrote ${name}.json: ${Object.keys(exchanges).join(', ')}\n`);
}

async function recordDrum(): Promise<void> {
  const recorded: Record<string, Exchange> = {};
  for (const model of ['regression', 'binary', 'multiclass'] as const) {
    await using drum = await startDrum(model);
    recorded[`${model} info`] = await exchange(drum, 'GET', '/info/');
    recorded[`${model} capabilities`] = await exchange(drum, 'GET', '/capabilities/');
    recorded[model] = await exchange(drum, 'POST', '/predict/', csv);
    if (model !== 'regression') continue;
    recorded['bad row'] = await exchange(drum, 'POST', '/predict/', badCsv);
    recorded['lacking column'] = await exchange(drum, 'POST', '/predict/', lackingCsv);
    recorded['unclosed quote'] = await exchange(drum, 'POST', '/predict/', unclosedCsv);
    recorded['no csv'] = await exchange(drum, 'POST', '/predict/', '{}', 'application/json');
    recorded['unknown route'] = await exchange(drum, 'GET', '/nothing/');
  }
  keep('drum', recorded);
}

async function recordMlserver(): Promise<void> {
  await using mlserver = await startMlserver();
  const type = 'application/json';
  const body = (data: string, more = ''): string =>
    `{"inputs":[{"name":"x","shape":[2,3],"datatype":"FP64","data":[${data}]}]${more}}`;
  const infer = (model: string, text: string): Promise<Exchange> =>
    exchange(mlserver, 'POST', `/v2/models/${model}/infer`, text, type);
  const good = '1,1,1,0.5,-1,2';
  keep('mlserver', {
    server: await exchange(mlserver, 'GET', '/v2'),
    'regression metadata': await exchange(mlserver, 'GET', '/v2/models/regression'),
    'binary metadata': await exchange(mlserver, 'GET', '/v2/models/binary'),
    'unknown model': await exchange(mlserver, 'GET', '/v2/models/nothing'),
    'unknown version': await exchange(mlserver, 'GET', '/v2/models/regression/versions/v9'),
    regression: await infer('regression', body(good)),
    labels: await infer('binary', body(good)),
    probabilities: await infer('binary', body(good, ',"outputs":[{"name":"predict_proba"}]')),
    'two outputs': await infer('multiclass', body(good, ',"outputs":[{"name":"predict"},{"name":"predict_proba"}]')),
    'bad row': await infer('regression', body('1,1,1,0.5,-1,null')),
    'text for a number': await infer('regression', body('1,1,1,"abc",-1,2')),
    'no request': await infer('regression', '{"inputs":[{"shape":[2,3],"datatype":"FP64","data":[1,1,1,0.5,-1,2]}]}'),
  });
}

async function recordMlflow(): Promise<void> {
  const recorded: Record<string, Exchange> = {};
  const split = (columns: readonly string[], data: string): string =>
    `{"dataframe_split":{"columns":${JSON.stringify(columns)},"data":${data}}}`;
  for (const model of ['regression', 'binary', 'multiclass'] as const) {
    await using mlflow = await startMlflow(model);
    const rows = model === 'multiclass' ? csv.replace(',id', '').replaceAll(/,(007|x)$/gm, '') : csv;
    recorded[model] = await exchange(mlflow, 'POST', '/invocations', rows);
    if (model !== 'regression') continue;
    recorded['ping'] = await exchange(mlflow, 'GET', '/ping');
    recorded['version'] = await exchange(mlflow, 'GET', '/version');
    const body = split(['a', 'b', 'c', 'id'], '[[1,1,1,"007"],[0.5,-1,2,"x"]]');
    recorded['dataframe_split'] = await exchange(mlflow, 'POST', '/invocations', body, 'application/json');
    recorded['bad row'] = await exchange(mlflow, 'POST', '/invocations', badCsv);
    const blank = split(['a', 'b', 'c'], '[[1,1,1],[0.5,-1,null]]');
    recorded['blank cell'] = await exchange(mlflow, 'POST', '/invocations', blank, 'application/json');
    recorded['lacking column'] = await exchange(mlflow, 'POST', '/invocations', lackingCsv);
    recorded['other content'] = await exchange(mlflow, 'POST', '/invocations', csv, 'text/plain');
  }
  keep('mlflow', recorded);
}

await recordDrum();
await recordMlserver();
await recordMlflow();
