import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Clock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import { type CountedClient, countedClient } from '../../links/kafka/counted-client.ts';
import type { KafkaConnection, KafkaSasl, KafkaTls } from '../../links/kafka/settings.ts';
import type { JobDescription } from '../description/parse-job.ts';

/** How a job, or a configuration, describes a cluster. */
export type ClusterSettings = NonNullable<JobDescription['kafka']>;

/** Loaded when a job needs one: most have no Kafka, and the library is a sixth of what a run would load. */
const clients = {
  kafkajs: async () => (await import('../../links/kafka/clients/kafkajs/client.ts')).createKafkajsClient,
  platformatic: async () => (await import('../../links/kafka/clients/platformatic/client.ts')).createPlatformaticClient,
} as const;

/** A client for the cluster, by the library that the settings name. Nothing is connected before it is used. */
export async function openCluster(settings: ClusterSettings, clock: Clock): Promise<CountedClient> {
  const connection = connectionOf(settings);
  const create = await clients[settings.client]();
  return countedClient(await create(connection, { clock }));
}

/** The cluster of a job that needs one. */
export function clusterOf(job: JobDescription): ClusterSettings {
  if (job.kafka !== null) return job.kafka;
  throw new SluiceError('CONFIG_INVALID', 'the job needs a Kafka cluster; give kafka: { brokers: … } or --brokers');
}

/** Throws CONFIG_UNREADABLE for certificates that cannot be read. */
function connectionOf(settings: ClusterSettings): KafkaConnection {
  const { brokers, clientId, rack, compression, retrySeconds } = settings;
  return {
    brokers,
    clientId,
    rack,
    compression,
    tls: settings.tls === null ? null : tlsOf(settings.tls),
    sasl: settings.sasl === null ? null : saslOf(settings.sasl),
    retryMs: 1000 * retrySeconds,
  };
}

function tlsOf({ caFile, certFile, keyFile, insecure }: NonNullable<ClusterSettings['tls']>): KafkaTls {
  return {
    ca: pem('caFile', caFile),
    cert: pem('certFile', certFile),
    key: pem('keyFile', keyFile),
    verify: !insecure,
  };
}

function pem(field: string, file: string | null): string | null {
  if (file === null) return null;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new SluiceError('CONFIG_UNREADABLE', `kafka.tls.${field} names ${file}, which cannot be read.`, {
      cause: error,
    });
  }
}

function saslOf(settings: NonNullable<ClusterSettings['sasl']>): KafkaSasl {
  const { mechanism, username, password, token, tokenFile } = settings;
  if (mechanism !== 'oauthbearer') return { mechanism, username, password: () => password?.reveal() ?? '' };
  return { mechanism, token: async () => (tokenFile === null ? (token?.reveal() ?? '') : await tokenIn(tokenFile)) };
}

/** Throws CONFIG_UNREADABLE. */
async function tokenIn(file: string): Promise<string> {
  const named = `kafka.sasl.tokenFile names ${file}, which`;
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new SluiceError('CONFIG_UNREADABLE', `${named} cannot be read.`, { cause });
  });
  if (text.trim() === '') throw new SluiceError('CONFIG_UNREADABLE', `${named} is empty.`);
  return text.trim();
}
