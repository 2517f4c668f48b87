import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LiveRuns } from '../support/live-runs.ts';
import { startKafka } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';
import { fillDisk, smallDisk } from '../support/small-disk.ts';
import { until } from '../support/until.ts';

const ROWS = 4_000;
const passed = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

needs('kafka')('a live job on a broker whose disk is full', () => {
  test('ends with a reason; with room again the next run leaves each row once', async () => {
    await using disk = await smallDisk(48 << 20);
    await using small = await startKafka({ config: { 'log.dirs': join(disk.path, 'records') } });
    const ids = Array.from({ length: ROWS }, (_, id) => id);
    const [input, output, group] = ['full', 'full.scored', 'full-group'];
    const place = { input, output, group };
    const filler = join(disk.path, 'filler');
    const seconds = { retrySeconds: 5 };
    {
      await using own = await LiveRuns.open(small.brokers, { respond: () => ({ after: passed(20) }) });
      for (const topic of [input, output]) await own.topics.create(topic, 1);
      const rows = ids.map((id) => ({ partition: 0, value: Buffer.from(`{"id":${id}}`) }));
      await own.topics.send(input, rows);
      const run = own.begin(own.job(place, { kafka: { ...own.cluster, ...seconds } }));
      await until(
        () => run.progress().tally.scored > 0,
        () => JSON.stringify(run.progress()),
      );
      fillDisk(filler);
      await expect(run.result).rejects.toMatchObject({
        code: expect.stringMatching(/KAFKA_UNREACHABLE|KAFKA_FAULT/),
      });
      rmSync(filler);
      await small.kill();
      await small.start();
    }
    await using again = await LiveRuns.open(small.brokers);
    await again.score(place);
    const seen = (await again.topics.read(output)).map(({ value }) => JSON.parse(value!.toString()) as { id: string });
    expect(seen.map(({ id }) => Number(id))).toEqual(ids);
  });
});
