import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkaClient } from '../../../src/links/kafka/client.ts';
import type { KafkaConnection, KafkaSasl } from '../../../src/links/kafka/settings.ts';
import { selfSigned } from '../../support/self-signed.ts';
import { type KafkaService, startKafka } from '../../support/services/kafka.ts';
import { unsecuredToken } from '../../support/unsecured-token.ts';
import {
  Assignments,
  type CreateKafkaClient,
  consumerOptions,
  freshName,
  freshTopic,
  plainConnection,
  pollAll,
  texts,
  write,
} from './client-harness.ts';

const password = 'correct horse battery staple';

const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'] as const;

/** The wrong one has expired. */
function saslOf(mechanism: (typeof mechanisms)[number], given: string): KafkaSasl {
  if (mechanism !== 'oauthbearer') return { mechanism, username: 'sluice', password: () => given };
  const { token } = unsecuredToken('sluice', given === password ? 3_600 : -60);
  return { mechanism, token: async () => token };
}

/** What every adapter must do with TLS and passwords. */
export function describeAccess(name: string, create: CreateKafkaClient): void {
  describe(`${name}: TLS and passwords`, () => {
    let service: KafkaService;
    const login = { username: 'sluice', password } as const;
    beforeAll(async () => {
      const [mechanism, ...others] = mechanisms;
      service = await startKafka({ tls: true, sasl: { mechanism, others, ...login } });
    });
    afterAll(() => service?.[Symbol.asyncDispose]());

    describe.each(mechanisms)('%s', (mechanism) => {
      const open = (given: string, changes: Partial<KafkaConnection> = {}): KafkaClient =>
        create(
          plainConnection(service.brokers, {
            tls: { ca: selfSigned.cert, cert: null, key: null, verify: true },
            sasl: saslOf(mechanism, given),
            retryMs: 3_000,
            ...changes,
          }),
        );

      test('the right password lets in', async () => {
        await using client = open(password);
        const topic = await freshTopic(client, 1);
        await write(client, topic, 0, ['a']);
        await using consumer = await client.consumer(
          consumerOptions([topic], freshName('group')),
          AbortSignal.timeout(20_000),
        );
        const partition = await new Assignments(consumer, AbortSignal.timeout(20_000)).next();
        expect(texts(await pollAll(partition, 1, AbortSignal.timeout(20_000)))).toEqual(['a']);
        await partition[Symbol.asyncDispose]();
      });

      test('a wrong password is refused at once, and not shown', async () => {
        await using client = open('an open secret');
        const signal = AbortSignal.timeout(20_000);
        const attempts = [
          (): Promise<unknown> => client.topics.list(),
          () => client.producer({ compression: 'none' }, signal),
          () => client.transactionalProducer({ compression: 'none', transactionalId: 'id', timeoutMs: 9_000 }, signal),
          () => client.consumer(consumerOptions(['any'], 'group'), signal),
        ];
        for (const attempt of attempts) {
          const error: unknown = await attempt().then(
            () => undefined,
            (reason: unknown) => reason,
          );
          expect(error).toMatchObject({ code: 'KAFKA_ACCESS' });
          expect(String(error)).not.toContain('an open secret');
        }
      });

      test('a certificate that is not trusted is refused', async () => {
        const tls = { ca: null, cert: null, key: null, verify: true };
        await using client = open(password, { tls, retryMs: 1_000 });
        await expect(client.topics.list()).rejects.toMatchObject({ code: 'KAFKA_ACCESS' });
        await expect(client.producer({ compression: 'none' }, AbortSignal.timeout(20_000))).rejects.toMatchObject({
          code: 'KAFKA_ACCESS',
        });
      });
    });
  });
}
