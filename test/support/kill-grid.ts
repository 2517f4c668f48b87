import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyNamedOutput } from '../../src/jobs/verify-named-output.ts';
import { type KillCase, KilledRuns, type Outcome, seeded } from './killed-runs.ts';

const cases: readonly KillCase[] = [false, true].flatMap((compressed) =>
  [1, 4].flatMap((partitions) => [false, true].map((badRows) => ({ compressed, partitions, badRows }))),
);

/** Registers `runs` seeded kills, spread over all cases; each run is killed one to three times, when a random share of its requests has come. */
export function killGrid(firstSeed: number, runs: number): void {
  describe('a job that is killed with kill -9 and run again', () => {
    let folder = '';
    let jobs: KilledRuns;
    const continued = { plain: 0, gzip: 0 };
    const undisturbed = new Map<KillCase, Promise<Outcome>>();

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'sluice-kill-'));
      jobs = await KilledRuns.start(folder);
    });
    afterAll(async () => {
      await jobs[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    });

    for (let run = 0; run < runs; run += 1) {
      // 3 has no factor in common with the number of cases, so few runs see something of everything.
      const tested = cases[(3 * run) % cases.length]!;
      const seed = firstSeed + run;
      const title = `${tested.compressed ? 'gzip' : 'plain'}, ${tested.partitions} partitions, ${tested.badRows ? '1 % bad rows' : 'all good'}`;
      test(`gives the output of an undisturbed run, byte for byte (seed ${seed}: ${title})`, async () => {
        const name = `undisturbed-${cases.indexOf(tested)}`;
        const expected = await (undisturbed.get(tested) ??
          undisturbed.set(tested, jobs.run(tested, name, [])).get(tested)!);
        const random = seeded(seed);
        const kills = Array.from({ length: 1 + Math.floor(3 * random()) }, () =>
          Math.ceil(random() * expected.requests),
        );
        const output = `killed-${seed}`;
        const outcome = await jobs.run(tested, output, kills);
        expect(outcome.rows === expected.rows).toBe(true);
        expect(outcome.output.equals(expected.output)).toBe(true);
        expect(outcome.deadLetters).toEqual(expected.deadLetters);
        const report = await verifyNamedOutput(join(folder, `${output}.csv${tested.compressed ? '.gz' : ''}`));
        expect(report.problems).toEqual([]);
        if (outcome.continuedFrom > 0) continued[tested.compressed ? 'gzip' : 'plain'] += 1;
      });
    }

    test('was killed in its middle often enough for the runs above to mean something', () => {
      expect(continued.plain).toBeGreaterThan(runs / 8);
      expect(continued.gzip).toBeGreaterThan(runs / 8);
    });
  });
}
