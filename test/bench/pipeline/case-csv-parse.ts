import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { parse } from 'csv-parse';
import { parse as parseAll } from 'csv-parse/sync';
import { stringify } from 'csv-stringify';
import { stringify as stringifyAll } from 'csv-stringify/sync';
import { Pool } from 'undici';
import { measured } from './case.ts';

type Row = Record<string, string>;
const ROWS_PER_REQUEST = 1_000;

// What one writes in an afternoon: good packages, objects for rows, several requests in flight, order kept.
await measured(async ({ file, port, concurrency, output, rows }) => {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: concurrency, pipelining: 1 });
  const score = async (batch: readonly Row[]): Promise<Row[]> => {
    const { body } = await pool.request({
      method: 'POST',
      path: '/predApi/v1.0/deployments/bench/predictions',
      headers: { 'content-type': 'text/csv', accept: 'text/csv' },
      body: stringifyAll([...batch], { header: true }),
    });
    const predictions = parseAll(await body.text(), { columns: true }) as Row[];
    if (predictions.length !== batch.length) throw new Error('rows are missing');
    return batch.map((row, i) => ({ y_PREDICTION: predictions[i]!.y_PREDICTION!, id: row.id! }));
  };
  async function* scored(source: AsyncIterable<Row>): AsyncGenerator<Row> {
    const inFlight: Promise<Row[]>[] = [];
    let batch: Row[] = [];
    for await (const row of source) {
      if (batch.push(row) < ROWS_PER_REQUEST) continue;
      inFlight.push(score(batch));
      batch = [];
      if (inFlight.length >= concurrency) yield* await inFlight.shift()!;
    }
    if (batch.length > 0) inFlight.push(score(batch));
    for (const last of inFlight) yield* await last;
  }
  await pipeline(
    createReadStream(file),
    parse({ columns: true, to: rows }),
    scored,
    stringify({ header: true }),
    createWriteStream(output),
  );
  await pool.close();
  return { rows };
});
