import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type JobInput, runJob } from '../../../src/index.ts';
import { seeded } from '../killed-runs.ts';
import { PredictionServer } from '../prediction-server.ts';
import { kafkaService } from '../services/kafka.ts';
import { leftOut } from '../services/left-out.ts';
import { flightRows, isRefused, predictionOf } from './flight-rows.ts';
import { type JobEnd, JobProcess } from './job-process.ts';
import { matrixIntakes } from './matrix-intakes.ts';
import { matrixOutputs } from './matrix-outputs.ts';
import type { MatrixIntake, MatrixOutput, MatrixPlace, PlacedIntake } from './matrix-parts.ts';

type Engine = 'direct' | 'kafka';

/** One job of the matrix. */
export interface MatrixCase {
  readonly intake: MatrixIntake;
  readonly output: MatrixOutput;
  readonly engine: Engine;
}

const ROWS = 10_000;
const CHUNK_ROWS = 250;

/** Every intake with every output, over memory and over topics. */
export function allCases(): readonly MatrixCase[] {
  return matrixIntakes.flatMap((intake) =>
    matrixOutputs.flatMap((output) => (['direct', 'kafka'] as const).map((engine) => ({ intake, output, engine }))),
  );
}

/** How many more go over topics. */
const MORE_OVER_KAFKA = 2;

/** So few that every intake and every output is there once, the engines in turn, and some of them over topics with another partner. */
export function selectedCases(): readonly MatrixCase[] {
  const count = Math.max(matrixIntakes.length, matrixOutputs.length);
  return Array.from({ length: count + MORE_OVER_KAFKA }, (_, i) => ({
    intake: matrixIntakes[(i < count ? i : 4 * (i - count)) % matrixIntakes.length]!,
    output: matrixOutputs[(i < count ? i + 3 : 5 * (i - count)) % matrixOutputs.length]!,
    engine: i % 2 === 0 && i < count ? 'direct' : 'kafka',
  }));
}

/**
 * Registers a job for each case: 10,000 real flights, one in a hundred of them bad, killed with kill -9 in its middle and run again. Then
 * every row is scored or a dead letter, once, in order where the output has an order, and the manifest is verified.
 */
export function matrix(cases: readonly MatrixCase[], firstSeed: number): void {
  const without = new Set<string>(leftOut());
  const here = cases.filter(({ intake, output, engine }) =>
    [...intake.needs, ...output.needs, ...(engine === 'kafka' ? ['kafka'] : [])].every((name) => !without.has(name)),
  );
  describe('a job killed with kill -9 in its middle and run again scores every row once', () => {
    let place: MatrixPlace;
    let server: PredictionServer;
    let continued = 0;
    const intakes = new Map<MatrixIntake, Promise<PlacedIntake>>();
    const intakeOf = (intake: MatrixIntake): Promise<PlacedIntake> => {
      const placed = intakes.get(intake) ?? intake.place(place);
      intakes.set(intake, placed);
      return placed;
    };

    beforeAll(async () => {
      place = { folder: mkdtempSync(join(tmpdir(), 'sluice-matrix-')), rows: await flightRows(ROWS) };
      server = await PredictionServer.start({ rejectAs: 422, namesRow: 0 });
    });
    afterAll(async () => {
      await server.close();
      for (const placed of intakes.values()) await (await placed.catch(() => null))?.close?.();
      rmSync(place.folder, { recursive: true, force: true });
    });

    afterEach(() => {
      vi.unstubAllEnvs();
    });

    for (const [index, { intake, output, engine }] of here.entries()) {
      const seed = firstSeed + index;
      test(`from ${intake.name} to ${output.name}, ${engine} (seed ${seed})`, async () => {
        const name = `matrix-${process.pid}-${seed}`;
        // The server notes what it was asked, and there are many jobs.
        server.requests.length = 0;
        const from = await intakeOf(intake);
        const to = await output.place(place, name);
        onTestFinished(async () => await to.close?.());
        const usesKafka = engine === 'kafka' || [intake, output].some(({ needs }) => needs.includes('kafka'));
        const brokers = usesKafka ? [...(await kafkaService()).brokers] : [];
        const job: JobInput = {
          deployment: { id: 'matrix', server: server.url },
          intakeSettings: from.settings,
          outputSettings: to.settings,
          passthroughColumns: ['flight_id'],
          chunkRows: CHUNK_ROWS,
          numConcurrent: 2,
          engine,
          ...(usesKafka ? { kafka: { brokers, sessionSeconds: 2, retrySeconds: 60 } } : {}),
        };

        const killAfter = Math.floor((0.5 + 0.4 * seeded(seed)()) * (ROWS / CHUNK_ROWS));
        const first = new JobProcess(job, false, from);
        let requests = 0;
        server.options = {
          ...server.options,
          reject: (fields) => (isRefused(fields) ? 'no flight goes there' : null),
          predict: predictionOf,
          respond: ({ rows }) => {
            requests += rows.length >= CHUNK_ROWS / 2 ? 1 : 0;
            if (requests < killAfter) return undefined;
            first.kill();
            return { drop: 'before' };
          },
        };
        expect(await first.ended).toBeNull();
        server.options = { ...server.options, respond: () => undefined };

        const continues = intake.continues && output.continues;
        if (!continues) await to.beginsAnew?.();
        const second = new JobProcess(job, !continues, from);
        const end = whole(await second.ended);
        continued += end.continuedFrom > 0 ? 1 : 0;
        const found = await to.read(end.manifest, second.stdout);
        const bad = from.order.filter((_id, i) => isBad(from.order[i]!));
        expect(end.manifest.tally).toEqual({ read: ROWS, scored: ROWS - bad.length, failed: bad.length, skipped: 0 });
        expect(found.problems).toEqual([]);
        if (found.deadIds !== null) expect(found.deadIds.toSorted()).toEqual(bad.toSorted());

        const rank = new Map(from.order.map((id, at) => [id, at]));
        const all = found.parts.flat();
        expect(all.map(([id]) => id).toSorted()).toEqual(writtenIds(from.order, bad, all.length));
        for (const part of found.parts) {
          const ranks = part.map(([id]) => rank.get(id)!);
          expect(ranks.every((at, i) => i === 0 || at > ranks[i - 1]!)).toBe(true);
        }
        const wrong = all.filter(([id, score]) => score !== (isBad(id) ? '' : predictionOf([id])));
        expect(wrong).toEqual([]);

        if (!continues || engine === 'kafka') return;
        for (const [variable, value] of Object.entries(from.env ?? {})) vi.stubEnv(variable, value);
        await expect(runJob(job).result).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
      }, 120_000);
    }

    test('and most of them were continued, not begun anew', () => {
      const can = here.filter(
        ({ intake, output }) => intake.continues && output.continues && output.commitsLate !== true,
      ).length;
      expect(continued).toBeGreaterThanOrEqual(can / 2);
    });
  });
}

function isBad(id: string): boolean {
  return Number(id.slice(1)) % 100 === 57;
}

/** Files have a blank line for a failed row, topics have none. */
function writtenIds(order: readonly string[], bad: readonly string[], found: number): readonly string[] {
  const gone = new Set(found === order.length ? [] : bad);
  return order.filter((id) => !gone.has(id)).toSorted();
}

function whole(end: JobEnd | null): Exclude<JobEnd, { readonly error: string }> {
  if (end === null) throw new Error('the second run was killed');
  if ('error' in end) throw new Error(end.error);
  return end;
}
