import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RecycledBuffers } from '../../src/core/recycled-buffers.ts';
import { RowBatch } from '../../src/core/row-batch.ts';
import { schemaOf } from '../../src/core/schema.ts';
import { runJob } from '../../src/index.ts';
import { PredictionServer } from '../support/prediction-server.ts';

/**
 * Buffers are used again. For these tests each is spoiled as soon as it is given back: whoever still reads it sends, writes
 * or reports bytes that stand nowhere in the input.
 */
// oxlint-disable-next-line typescript/unbound-method -- it is called with its own `this` below
const give = RecycledBuffers.prototype.give;
const given = new Map<number, number>();
const ZEROS = `.${'0'.repeat(400)}`;
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-recycled-'));
  RecycledBuffers.prototype.give = function (buffer): void {
    buffer.fill(0xee);
    given.set(buffer.length, (given.get(buffer.length) ?? 0) + 1);
    give.call(this, buffer);
  };
});
afterAll(() => {
  RecycledBuffers.prototype.give = give;
  rmSync(folder, { recursive: true, force: true });
});

describe('memory that is used again', () => {
  test('is read by nobody any more: not by requests, retries, outputs or dead letters', async () => {
    const lines = Array.from({ length: 24_000 }, (_, id) => `${id},${`text of ${id};`.repeat(30 + (id % 7))}`);
    const input = join(folder, 'in.csv');
    writeFileSync(input, `id,text\n${lines.join('\n')}\n`);
    const bad = (id: number): boolean => id % 997 === 5;
    await using server = await PredictionServer.start({
      reject: (fields) => (bad(Number(fields[0])) ? 'not this one' : null),
      rejectAs: 'row',
      // Replies so long that they come in several pieces.
      predict: (fields) => `${Number(fields[0]) * 2}${ZEROS}`,
      // Some requests fail after half of their reply: their rows are sent again.
      respond: ({ number }) => (number % 9 === 4 ? { drop: 'middle' } : undefined),
    });
    const output = join(folder, 'out.csv');
    const run = runJob({
      deployment: { id: 'd', server: server.url, wire: 'datarobot', target: 'y' },
      intakeSettings: { type: 'localFile', file: input },
      outputSettings: { type: 'localFile', path: output },
      passthroughColumnsSet: 'all',
      numConcurrent: 3,
      chunkSize: 200_000,
    });
    const { manifest } = await run.result;

    expect(manifest.tally.read).toBe(lines.length);
    const expected = lines.map((line, id) => (bad(id) ? `,${line}` : `${id * 2}${ZEROS},${line}`));
    const written = readFileSync(output, 'utf8').trimEnd().split('\n').slice(1);
    expect(written.length).toBe(expected.length);
    expect(written.filter((line, i) => line !== expected[i])).toEqual([]);
    const letters = readFileSync(`${output}.dead.jsonl`, 'utf8').trimEnd().split('\n');
    expect(letters.length).toBe(lines.filter((_, id) => bad(id)).length);
    const badLines = lines.filter((_, id) => bad(id));
    expect(letters.filter((letter, i) => !letter.includes(badLines[i]!))).toEqual([]);
    // Arenas of rows and bodies of requests did come back: else this test would show nothing.
    expect(given.get(2 * 1024 * 1024)).toBeGreaterThan(1);
    expect(given.get(384 * 1024)).toBeGreaterThan(20);
    expect([...given.keys()].some((bytes) => bytes > 100_000 && bytes < 384 * 1024)).toBe(true);
  });

  test('a batch that was released cannot be read, and gives its memory back once', () => {
    let releases = 0;
    const origin = { split: 'a', firstRow: 0, after: null, position: 1, rejected: [] };
    const batch = RowBatch.fromCsv(schemaOf(['a']), origin, Buffer.from('1\n'), Uint32Array.of(2), () => {
      releases += 1;
    });
    batch.release();
    batch.release();
    expect(releases).toBe(1);
    expect(() => batch.bytes).toThrow(/released/);
    expect(() => batch.records()).toThrow(/released/);
  });
});
