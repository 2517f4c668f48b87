import { readFileSync } from 'node:fs';
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

function saslOf({ mechanism, username, password, token }: NonNullable<ClusterSettings['sasl']>): KafkaSasl {
  if (mechanism === 'oauthbearer') return { mechanism, token: async () => token?.reveal() ?? '' };
  return { mechanism, username, password: () => password?.reveal() ?? '' };
}
