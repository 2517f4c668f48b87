import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeRecords } from '../../src/core/canonical-csv.ts';
import { systemClock } from '../../src/core/clock.ts';
import { RowBatch } from '../../src/core/row-batch.ts';
import { schemaOf } from '../../src/core/schema.ts';
import type { JobInput } from '../../src/index.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
import { jobIdentity } from '../../src/jobs/job-identity.ts';
import { liveParts } from '../../src/jobs/live/live-parts.ts';
import { outputSettingsOf } from '../../src/jobs/scoring-settings.ts';
import { verifyNamedOutput } from '../../src/jobs/verify-named-output.ts';
import { createOutputFormat } from '../../src/scoring/output/output-format.ts';
import { OutputFormatSlot } from '../../src/stages/output-format-slot.ts';
import { createPartsWriter } from '../../src/stages/parts-writer.ts';
import { scoredBatch } from '../../src/stages/score.ts';
import { arithmeticScorer } from '../support/arithmetic-scorer.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { isBad, lettersOf, replay } from '../support/replays.ts';

const never = new AbortController().signal;
const ROWS = 30;

/** Writes two parts of each of two partitions, as a live job does, with bad rows in all of them. */
async function writeParts(input: JobInput): Promise<void> {
  const job = resolveJob(input);
  const { outputSettings: output } = job;
  if (output.type !== 'localFile') throw new Error('parts of files are wanted');
  const format = new OutputFormatSlot((intake) => createOutputFormat(outputSettingsOf(job), intake));
  await using parts = liveParts(job, output, systemClock);
  const writer = createPartsWriter({
    ...parts,
    splitOf: (partition) => `in/${partition}`,
    job: jobIdentity(job, { group: 'scorers' }),
    format,
    roll: { rows: ROWS, bytes: 1e9, ms: 1e9 },
    commits: { everyMs: 1e9, everyBytes: 1e9 },
    clock: systemClock,
  });
  const scorer = arithmeticScorer({ bad: isBad });
  for (const partition of [0, 1]) {
    await writer.begin(partition, 0, never);
    for (const from of [0, ROWS]) {
      const ids = Array.from({ length: ROWS }, (_, i) => from + i);
      const { bytes, ends } = encodeRecords(ids.map((id) => [id, `text ${id}`]));
      const origin = { split: `in/${partition}`, firstRow: from, after: from, position: from + ROWS, rejected: [] };
      const batch = RowBatch.fromCsv(schemaOf(['id', 'text']), origin, bytes, ends);
      const scores = await scorer.score(batch, never);
      const value = scoredBatch(from, batch, scores, format.for(batch.schema).render(batch, scores));
      await writer.append(partition, { kind: 'batch', sequence: from, value }, never);
    }
    await writer.end(partition, never);
  }
}

test('the parts of a live topic are outputs of their own: each is completed, and is found by the next holder as before', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-dead-letter-parts-'));
  await using server = await PredictionServer.start();
  // The target of the server and that of the rows that are there must be one.
  server.options = { respond: () => ({ rewrite: (text) => text.replace('y_PREDICTION', 'double_PREDICTION') }) };
  const job: JobInput = {
    deployment: { id: 'd', server: server.url },
    kafka: { brokers: 'nobody:1' },
    intakeSettings: { type: 'kafka', topic: 'in', group: 'scorers' },
    outputSettings: { path: folder },
    passthroughColumns: ['id'],
  };
  await writeParts(job);
  const places = [0, 1].flatMap((partition) => [0, ROWS].map((from) => ({ partition, from })));
  const bad = places.flatMap(({ from }) => Array.from({ length: ROWS }, (_, i) => from + i).filter(isBad));
  expect((await lettersOf(job)).map(({ row }) => row)).toEqual(bad);
  const reports = await replay(job);
  expect(reports).toHaveLength(4);
  expect(reports.reduce((sum, { scored }) => sum + scored, 0)).toBe(bad.length);
  expect(await lettersOf(job)).toEqual([]);
  const { outputSettings } = resolveJob(job);
  if (outputSettings.type !== 'localFile') throw new Error('parts of files are wanted');
  await using parts = liveParts(resolveJob(job), outputSettings, systemClock);
  for (const { partition, from } of places) {
    const path = join(folder, `in-${partition}-${String(from).padStart(20, '0')}.csv`);
    const ids = Array.from({ length: ROWS }, (_, i) => from + i);
    expect(readFileSync(path, 'utf8')).toBe(`double_PREDICTION,id\n${ids.map((id) => `${2 * id},${id}\n`).join('')}`);
    expect((await verifyNamedOutput(path)).problems).toEqual([]);
    expect(await parts.publishedThrough(`in/${partition}`, from, never)).toBe(from + ROWS);
  }
  rmSync(folder, { recursive: true });
});
