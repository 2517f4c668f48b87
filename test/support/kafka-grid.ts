import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyNamedOutput } from '../../src/jobs/verify-named-output.ts';
import { KafkaGridJobs, type KafkaKillCase, type KafkaOutcome } from './kafka-grid-jobs.ts';
import { seeded } from './killed-runs.ts';
import { needs } from './services/needs.ts';

const cases: readonly KafkaKillCase[] = [1, 3].flatMap((workers) =>
  (['run', 'worker', 'broker'] as const).flatMap((victim) =>
    [1, 4].flatMap((partitions) => [false, true].map((badRows) => ({ victim, partitions, workers, badRows }))),
  ),
);

/** So many cases, none much more often than another; those with the same number of workers together, as one takes seconds to start. */
function spread(runs: number): readonly KafkaKillCase[] {
  // 7 has no factor in common with the number of cases, so few runs see something of everything.
  return Array.from({ length: runs }, (_, run) => cases[(run * 7) % cases.length]!).toSorted(
    (a, b) => a.workers - b.workers,
  );
}

/** Registers `runs` seeded kills, spread over all cases. */
export function kafkaKillGrid(firstSeed: number, runs: number): void {
  needs('kafka')('a job over Kafka, of which something is killed with kill -9', () => {
    let folder = '';
    let jobs: KafkaGridJobs;
    const met = { running: 0, continued: 0, runs: 0 };
    const direct = new Map<string, Promise<KafkaOutcome & { readonly requests: number }>>();

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'sluice-kafka-kill-'));
      jobs = await KafkaGridJobs.start(folder);
    });
    afterAll(async () => {
      await jobs?.[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    });

    for (const [run, tested] of spread(runs).entries()) {
      const { victim, partitions, workers, badRows } = tested;
      const seed = firstSeed + run;
      const title = `the ${victim}, ${partitions} partitions, ${workers} workers, ${badRows ? '1 % bad rows' : 'all good'}`;
      test(`gives the output of a direct run, byte for byte (seed ${seed}: ${title})`, async () => {
        const likeIt = `${partitions}-${badRows}`;
        const expected = await (direct.get(likeIt) ??
          direct.set(likeIt, jobs.direct(tested, `direct-${likeIt}`)).get(likeIt)!);
        const random = seeded(seed);
        const moment = { requests: 1 + Math.floor(random() * 0.95 * expected.requests), ms: random() * 100 };
        const outcome = await jobs.killed(tested, `killed-${seed}`, moment, random);
        expect(outcome.output.equals(expected.output)).toBe(true);
        expect(outcome.deadLetters).toEqual(expected.deadLetters);
        const report = await verifyNamedOutput(join(folder, `killed-${seed}.csv`));
        expect(report.problems).toEqual([]);
        met.running += outcome.running ? 1 : 0;
        met.runs += victim === 'run' ? 1 : 0;
        met.continued += (outcome.continuedFrom ?? 0) > 0 ? 1 : 0;
      }, 120_000);
    }

    test('was killed in its middle often enough for the runs above to mean something', () => {
      expect(met.running).toBeGreaterThan(0.9 * runs);
      expect(met.continued).toBeGreaterThan(met.runs / 4);
    });
  });
}
