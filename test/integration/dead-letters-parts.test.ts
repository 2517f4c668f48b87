import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import type { JobInput } from '../../src/index.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
import { verifyNamedOutput } from '../../src/jobs/verify-named-output.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { isBad, lettersOf, replay } from '../support/replays.ts';
import { needs } from '../support/services/needs.ts';
import { s3Bucket } from '../support/services/s3.ts';
import { partsOf, writeParts } from '../support/written-parts.ts';

const never = new AbortController().signal;
const ROWS = 30;
const PLAN = { partitions: 2, parts: 2, rows: ROWS, isBad };
const PLACES = [0, 1].flatMap((partition) => [0, ROWS].map((from) => ({ partition, from })));
const BAD = PLACES.flatMap(({ from }) => Array.from({ length: ROWS }, (_, i) => from + i).filter(isBad));

function jobTo(server: PredictionServer, outputSettings: JobInput['outputSettings']): JobInput {
  // The target of the server and that of the rows that are there must be one.
  server.options = { respond: () => ({ rewrite: (text) => text.replace('y_PREDICTION', 'double_PREDICTION') }) };
  return {
    deployment: { id: 'd', server: server.url },
    kafka: { brokers: 'nobody:1' },
    intakeSettings: { type: 'kafka', topic: 'in', group: 'scorers' },
    outputSettings,
    passthroughColumns: ['id'],
  };
}

function nameOf({ partition, from }: (typeof PLACES)[number]): string {
  return `in-${partition}-${String(from).padStart(20, '0')}.csv`;
}

/** What the part has that begins at an offset. */
function wholeFrom(from: number): string {
  const ids = Array.from({ length: ROWS }, (_, i) => from + i);
  return `double_PREDICTION,id\n${ids.map((id) => `${2 * id},${id}\n`).join('')}`;
}

test('the parts of a live topic are outputs of their own: each is completed, and is found by the next holder as before', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-dead-letter-parts-'));
  await using server = await PredictionServer.start();
  const job = jobTo(server, { path: folder });
  await writeParts(job, PLAN);
  expect((await lettersOf(job)).map(({ row }) => row)).toEqual(BAD);
  const reports = await replay(job);
  expect(reports).toHaveLength(4);
  expect(reports.reduce((sum, { scored }) => sum + scored, 0)).toBe(BAD.length);
  expect(await lettersOf(job)).toEqual([]);
  await using parts = partsOf(resolveJob(job));
  for (const place of PLACES) {
    const path = join(folder, nameOf(place));
    expect(readFileSync(path, 'utf8')).toBe(wholeFrom(place.from));
    expect((await verifyNamedOutput(path)).problems).toEqual([]);
    expect(await parts.publishedJob(`in/${place.partition}`, place.from, never)).toMatchObject({
      through: place.from + ROWS,
    });
  }
  rmSync(folder, { recursive: true });
});

test('a part in which no row was ever scored is completed too, as others have shown its columns', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-dead-letter-parts-'));
  await using server = await PredictionServer.start();
  const job = jobTo(server, { path: folder });
  await writeParts(job, { ...PLAN, partitions: 1, isBad: (id) => id >= ROWS });
  expect(await lettersOf(job)).toHaveLength(ROWS);
  await replay(job);
  expect(await lettersOf(job)).toEqual([]);
  for (const from of [0, ROWS]) {
    const path = join(folder, nameOf({ partition: 0, from }));
    expect(readFileSync(path, 'utf8')).toBe(wholeFrom(from));
    expect((await verifyNamedOutput(path)).problems).toEqual([]);
  }
  rmSync(folder, { recursive: true });
});

needs('s3')('the parts of a live topic in S3', () => {
  test('are completed each by itself; once more changes nothing', async () => {
    const place = await s3Bucket();
    await using server = await PredictionServer.start();
    const { endpointUrl, accessKeyId: awsAccessKeyId, secretAccessKey: awsSecretAccessKey } = place;
    const url = `s3://${place.bucket}/parts/`;
    const job = jobTo(server, { type: 's3', url, endpointUrl, credentials: { awsAccessKeyId, awsSecretAccessKey } });
    await writeParts(job, PLAN);
    expect((await lettersOf(job)).map(({ row }) => row)).toEqual(BAD);
    const reports = await replay(job);
    expect(reports.map(({ scored }) => scored).reduce((sum, scored) => sum + scored, 0)).toBe(BAD.length);
    const objects = async (): Promise<Record<string, string>> => {
      const { Contents = [] } = await place.client.send(new ListObjectsV2Command({ Bucket: place.bucket }));
      const texts: Record<string, string> = {};
      for (const { Key = '' } of Contents) {
        const { Body } = await place.client.send(new GetObjectCommand({ Bucket: place.bucket, Key }));
        texts[Key.slice('parts/'.length)] = (await Body?.transformToString()) ?? '';
      }
      return texts;
    };
    const found = await objects();
    expect(Object.keys(found)).toHaveLength(8);
    for (const one of PLACES) expect(found[nameOf(one)]).toBe(wholeFrom(one.from));
    expect((await replay(job)).map(({ letters, scored }) => [letters, scored])).toEqual(PLACES.map(() => [0, 0]));
    expect(await objects()).toEqual(found);
  });
});
