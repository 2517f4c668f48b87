import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LiveRuns } from '../support/live-runs.ts';
import { type KafkaService, startKafka } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';
import { unsecuredToken } from '../support/unsecured-token.ts';

const LIFE_SECONDS = 8;

needs('kafka')('a live job that logs in with a token from a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-token-'));
  const tokenFile = join(folder, 'token');
  let kafka: KafkaService;
  let live: LiveRuns;
  beforeAll(async () => {
    const sasl = { mechanism: 'oauthbearer', username: 'sluice', password: '' } as const;
    // Brokers end the connections of whoever does not come with another token in time.
    kafka = await startKafka({ sasl, config: { 'connections.max.reauth.ms': '3600000' } });
    live = await LiveRuns.open(kafka.plainBrokers);
  });
  afterAll(async () => {
    await live?.[Symbol.asyncDispose]();
    await kafka?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  const cluster = (client: 'kafkajs' | 'platformatic') => ({
    ...live.cluster,
    brokers: [...kafka.brokers],
    client,
    retrySeconds: 20,
    sasl: { mechanism: 'oauthbearer' as const, tokenFile },
  });

  test.each(['kafkajs', 'platformatic'] as const)(
    'goes on with the next one when that has expired (%s)',
    async (client) => {
      const place = await live.place(1);
      const send = (id: number): Promise<void> =>
        live.topics.send(place.input, [{ partition: 0, value: Buffer.from(`{"id":${id}}`) }]);
      const first = unsecuredToken('sluice', LIFE_SECONDS);
      writeFileSync(tokenFile, `${first.token}\n`);
      const run = live.begin(live.job(place, { kafka: cluster(client) }));
      await send(0);
      await live.drained(place, run);
      writeFileSync(tokenFile, unsecuredToken('sluice', 3_600).token);
      // By the clock of the broker it is over then.
      await new Promise((resolve) => setTimeout(resolve, first.over + 500 - Date.now()));
      await send(1);
      await live.drained(place, run);
      await live.stop(run);
      const ids = (await live.topics.read(place.output)).map(({ value }) => JSON.parse(value!.toString()).id);
      expect(ids.map(Number)).toEqual([0, 1]);
    },
  );

  test.each(['kafkajs', 'platformatic'] as const)('is told when there is none (%s)', async (client) => {
    const place = await live.place(1);
    writeFileSync(tokenFile, '\n');
    await expect(live.begin(live.job(place, { kafka: cluster(client) })).result).rejects.toThrow(
      `kafka.sasl.tokenFile names ${tokenFile}, which is empty`,
    );
  });
});
