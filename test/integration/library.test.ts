import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DeadLetter, score, scoreObjects } from '../../src/index.ts';
import { type ModelServer, startModelServer } from '../../src/model-server/index.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { scoreFile } from './examples/run-job.ts';
import { delays } from './examples/score-objects.ts';
import { scoreStream } from './examples/score-stream.ts';

let folder = '';
let models: ModelServer;

const HEADER = 'flight_id,date,distance,origin,destination\n';
const FLIGHTS = ['1,2001-01-01T00:01,2176,LAS,PHL', '2,2001-06-09T18:30,215,ATL,SAV', '3,2001-12-24T07:15,405,MCI,MDW'];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-library-'));
  writeFileSync(join(folder, 'flights.csv'), `${HEADER}${FLIGHTS.join('\n')}\n`);
  models = await startModelServer({ models: join(import.meta.dirname, '../../models'), port: 0 });
});
afterAll(async () => {
  await models.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the examples of the library', () => {
  test('a job, a byte stream and an object stream give the same predictions', async () => {
    const input = join(folder, 'flights.csv');
    expect(await scoreFile(models.url, input, join(folder, 'job.csv'))).toBe(3);
    await scoreStream(models.url, input, join(folder, 'stream.csv'));
    const job = readFileSync(join(folder, 'job.csv'), 'utf8');
    expect(readFileSync(join(folder, 'stream.csv'), 'utf8')).toBe(job);
    const rows = FLIGHTS.map((line) => {
      const [, date, distance, origin, destination] = line.split(',');
      return { date: date!, distance: Number(distance), origin: origin!, destination: destination! };
    });
    const predicted = job
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => Number(line.split(',')[0]));
    expect(await delays(models.url, rows)).toEqual(predicted);
  });
});

describe('the score stream', () => {
  test('gives the first rows while the input still comes', async () => {
    await using server = await PredictionServer.start();
    const stream = score({ deployment: { id: 'd', server: server.url }, passthroughColumns: ['id'], lingerMs: 0 });
    stream.write('id,x\n1,2\n');
    const [first] = (await stream.take(1).toArray()) as Buffer[];
    expect(first!.toString()).toMatch(/^y_PREDICTION,id\n/);
    stream.destroy();
  });

  test('fails with the reason, and the pipeline around it fails with it', async () => {
    await using server = await PredictionServer.start();
    const input = Readable.from([Buffer.from('id,x\n1,2\n3\n')]);
    const sunk: Buffer[] = [];
    const output = new Writable({
      write: (chunk: Buffer, _, done) => {
        sunk.push(chunk);
        done();
      },
    });
    await expect(pipeline(input, score({ deployment: { id: 'd', server: server.url } }), output)).rejects.toMatchObject(
      { code: 'CSV_RAGGED' },
    );
  });

  test('hands over the rows that could not be scored', async () => {
    await using server = await PredictionServer.start({
      reject: (fields) => (fields[0] === '2' ? 'two is bad' : null),
    });
    const letters: DeadLetter[] = [];
    const stream = score({
      deployment: { id: 'd', server: server.url },
      passthroughColumns: ['id'],
      abortOnError: false,
      onDeadLetters: async (some) => {
        letters.push(...some);
      },
    });
    const text = Buffer.concat(
      (await Readable.from([Buffer.from('id,x\n1,1\n2,2\n3,3\n')])
        .pipe(stream)
        .toArray()) as Buffer[],
    ).toString();
    expect(text).toBe('y_PREDICTION,id\n2,1\n,2\n6,3\n');
    expect(letters).toMatchObject([{ kind: 'failed', row: 1, line: 3 }]);
  });

  test('makes its writer wait while nobody reads', async () => {
    await using server = await PredictionServer.start();
    const stream = score({
      deployment: { id: 'd', server: server.url },
      passthroughColumnsSet: 'all',
      numConcurrent: 1,
      chunkSize: 10_000,
    });
    stream.write('id,x\n');
    const block = Buffer.from('1,some text of a row that nobody reads\n'.repeat(1_000));
    let written = 0;
    while (stream.write(block)) written += block.length;
    // Node's own buffers, two links of a few batches, and the two ends: a few megabytes, then no more.
    for (let waits = 0; waits < 50 && written < 64e6; waits += 1) {
      await new Promise(setImmediate);
      if (!stream.writableNeedDrain) while (stream.write(block)) written += block.length;
    }
    expect(written).toBeLessThan(16e6);
    stream.destroy();
  });

  test('scores a lone object while more may come', async () => {
    await using server = await PredictionServer.start();
    const stream = scoreObjects({ deployment: { id: 'd', server: server.url }, lingerMs: 1 });
    stream.write({ id: 21 });
    expect(await stream.take(1).toArray()).toEqual([{ y_PREDICTION: 42 }]);
    stream.destroy();
  });

  test('takes objects, with null for what is missing, and refuses a key that the first row does not have', async () => {
    await using server = await PredictionServer.start();
    const rows = [{ id: 1, note: 'a "quoted", text' }, { id: 2 }, { id: 3, note: '' }];
    const stream = scoreObjects({ deployment: { id: 'd', server: server.url }, passthroughColumnsSet: 'all' });
    expect(await Readable.from(rows).pipe(stream).toArray()).toEqual([
      { y_PREDICTION: 2, id: '1', note: 'a "quoted", text' },
      { y_PREDICTION: 4, id: '2', note: null },
      { y_PREDICTION: 6, id: '3', note: '' },
    ]);
    const strange = scoreObjects({ deployment: { id: 'd', server: server.url } });
    await expect(
      pipeline(
        Readable.from([{ id: 1 }, { id: 2, other: 3 }]),
        strange,
        new Writable({ objectMode: true, write: (_chunk, _encoding, done) => done() }),
      ),
    ).rejects.toThrow(/other/);
  });
});
