import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Command, sluice, startSluice } from './command-line.ts';
import { seeded } from './killed-runs.ts';
import { LiveRuns } from './live-runs.ts';
import { lettersOf, writeJob } from './replays.ts';
import { kafkaService } from './services/kafka.ts';
import { kafkaConsoleConsumer } from './services/kafka-console-consumer.ts';
import { needs } from './services/needs.ts';
import { until } from './until.ts';

const ROWS = 400;
const range = (length: number): readonly number[] => Array.from({ length }, (_, i) => i);
const sorted = (ids: readonly number[]): readonly number[] => ids.toSorted((a, b) => a - b);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Registers seeded replays of a topic's dead letters that are killed with kill -9, one to three times each, and then left to end. */
export function replayKillGrid(firstSeed: number, runs: number): void {
  needs('kafka')('a replay of dead letters into a topic that is killed with kill -9', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-replay-kills-'));
    let live: LiveRuns;
    let midway = 0;
    beforeAll(async () => {
      live = await LiveRuns.open((await kafkaService()).brokers);
    });
    afterAll(async () => {
      console.log(`replays: ${midway} kills midway`);
      await live?.[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    });

    /** Starts a replay and kills it once some of its requests were answered; whether it was at work then. */
    const kill = async (file: string, random: () => number): Promise<boolean> => {
      const requests = 1 + Math.floor(12 * random());
      const before = live.server.requests.length;
      const command: Command = startSluice(['dlq', 'replay', file]);
      const isOver = (): boolean => command.process.exitCode !== null;
      await until(
        () => isOver() || live.server.requests.length >= before + requests,
        () => 'the replay asks nothing',
      );
      await pause(80 * random());
      const wasAtWork = !isOver();
      command.process.kill('SIGKILL');
      await command.ended;
      return wasAtWork;
    };

    describe('a consumer of committed messages sees each row once, and each bad one is a dead letter still', () => {
      for (let seed = firstSeed; seed < firstSeed + runs; seed += 1) {
        const partitions = 1 + (seed % 3);
        test(`seed ${seed}: ${partitions} partitions`, { timeout: 180_000 }, async () => {
          const random = seeded(seed);
          const place = await live.place(partitions);
          const job = live.job(place, {
            chunkRows: 6,
            kafka: { ...live.cluster, sessionSeconds: 2 },
            inFlightPerPartition: 2,
          });
          const file = writeJob(join(folder, `${seed}.json`), job);
          const isBad = (id: number): boolean => id % 2 === 0;
          const staysBad = (id: number): boolean => id % 40 === 0;
          await live.topics.send(
            place.input,
            range(ROWS).map((id) => ({ partition: id % partitions, value: Buffer.from(JSON.stringify({ id })) })),
          );
          live.server.options = { reject: ([id]) => (isBad(Number(id)) ? `row ${id} is bad` : null) };
          await live.score(place, job);
          expect(await lettersOf(job)).toHaveLength(range(ROWS).filter(isBad).length);

          live.server.options = {
            reject: ([id]) => (staysBad(Number(id)) ? `row ${id} is bad still` : null),
            respond: () => ({ after: pause(40) }),
          };
          const kills = 1 + Math.floor(3 * random());
          for (let each = 0; each < kills; each += 1) if (await kill(file, random)) midway += 1;
          const { code, stderr } = await sluice(['dlq', 'replay', file]);
          expect(stderr).toBe('');
          expect(code).toBe(0);
          const rows = await kafkaConsoleConsumer(live.brokers, place.output);
          const ids = rows.map(({ value }) => Number(JSON.parse(value!.toString()).id));
          expect(sorted(ids)).toEqual(range(ROWS).filter((id) => !staysBad(id)));
          const left = await lettersOf(job);
          expect(sorted(left.map(({ bytes }) => Number(JSON.parse(Buffer.from(bytes).toString()).id)))).toEqual(
            range(ROWS).filter(staysBad),
          );
          for (const { reason, line, split } of left) {
            expect(reason).toMatch(/is bad still/);
            expect(split).toBe(`${place.input}/${split.split('/').at(-1)}`);
            expect(line).not.toBeNull();
          }
        });
      }
    });

    test('was killed while it worked, not before or after', () => {
      expect(midway).toBeGreaterThanOrEqual(Math.ceil(runs / 2));
    });
  });
}
