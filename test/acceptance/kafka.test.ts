import { afterAll, beforeAll, expect, test } from 'vitest';
import { refusal } from '../../src/testing/refusal.ts';
import {
  type AcceptanceCheck,
  acceptGrowingSink,
  acceptSource,
  checkNamesWhatIsWrong,
  continuesAfterKills,
  deliveredAgainIsWrittenOnce,
  difficultValuesAreRead,
  difficultValuesAreWritten,
  killedBetweenCommitAndPublish,
  killedBetweenWriteAndCommit,
  sinkKeepsSecrets,
  sourceKeepsSecrets,
  splitsInParallel,
  stoppedReaderStopsReading,
} from '../../src/testing.ts';
import { type KafkaService, startKafka } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';
import { topicIntakeFaults, topicOutputFaults } from './kafka-checks.ts';
import { difficultTopic, topicIntake, wideTopic } from './kafka-intake.ts';
import { topicOutputs } from './kafka-output.ts';
import type { KafkaPlace } from './kafka-place.ts';

const KILLS_MS = 240_000;
const login = { username: 'sluice', password: 'correct horse battery staple' };

needs('kafka')('with a broker that wants a password', () => {
  let service: KafkaService;
  const place: KafkaPlace = {
    ...login,
    get brokers() {
      return service.brokers;
    },
  };
  beforeAll(async () => {
    service = await startKafka({ sasl: { mechanism: 'scram-sha-512', ...login } });
  });
  afterAll(() => service?.[Symbol.asyncDispose]());

  const register = (what: string, checks: readonly AcceptanceCheck[]): void => {
    for (const { name, run } of checks) test(`${what}: ${name}`, run, KILLS_MS);
  };

  const intake = () => topicIntake(place);
  register('the source of a topic', [
    ...acceptSource(intake),
    splitsInParallel(intake),
    continuesAfterKills(intake),
    checkNamesWhatIsWrong(() => topicIntakeFaults(place)),
    stoppedReaderStopsReading(() => wideTopic(place)),
    difficultValuesAreRead((rows) => difficultTopic(place, rows)),
    sourceKeepsSecrets(intake),
  ]);

  const outputs = topicOutputs(place);
  register('the sink of a topic', [
    ...acceptGrowingSink(outputs),
    deliveredAgainIsWrittenOnce(outputs),
    difficultValuesAreWritten(outputs),
    killedBetweenWriteAndCommit(outputs),
    killedBetweenCommitAndPublish(outputs),
    sinkKeepsSecrets(outputs),
    checkNamesWhatIsWrong(() => topicOutputFaults(place)),
  ]);

  test('the sink of a topic: a second run takes the output over, and the first can write nothing any more', async () => {
    const { signal } = new AbortController();
    const { plan } = outputs;
    const at = await outputs.place();
    await using first = at.sink({ overwrite: false });
    await first.open(plan.job, signal);
    await first.write(plan.batch(0), plan.schema, signal);
    await first.commit(signal);
    await using second = at.sink({ overwrite: false });
    expect((await second.open(plan.job, signal))?.sequence).toBe(1);
    await refusal('KAFKA_FENCED', async () => {
      await first.write(plan.batch(1), plan.schema, signal);
      await first.commit(signal);
    });
    for (let next = 1; next < plan.size.batches; next += 1) await second.write(plan.batch(next), plan.schema, signal);
    await second.publish(plan.facts(), plan.schema, signal);
    expect((await at.published())?.records).toEqual(plan.records());
    await at.close();
  });
});
