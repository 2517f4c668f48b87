import { SluiceError } from '../../../core/error.ts';
import type { Configuration } from '../../configuration.ts';
import type { Credential } from '../../description/credential-fields.ts';
import { Secret } from '../../description/secret.ts';
import type { DataStore } from '../../description/sql-fields.ts';
import type { StoredCredential, StoredDataStore, StoredSecrets } from '../stored-secrets.ts';
import type { BodyContext } from './described-job.ts';
import type { PredictionBody } from './prediction-body.ts';

/** The settings of an end, as far as they name what stands elsewhere. */
interface NamingSettings {
  readonly type?: string | undefined;
  readonly credentialId?: string | null | undefined;
  readonly dataStoreId?: string | null | undefined;
}

/**
 * What a body of a user rests on: beside the configuration the credentials and data stores that he has given the server to keep, and nobody
 * else's. Throws CONFIG_INVALID for names that he has no right to, in the same words as for those that there are not.
 */
export async function ownerContext(
  { intakeSettings, outputSettings }: PredictionBody,
  userId: string,
  context: BodyContext,
  { credentials, dataStores }: StoredSecrets,
): Promise<BodyContext> {
  const { configuration, guard } = context;
  const foundCredentials = new Map<string, Credential>();
  const foundStores = new Map<string, DataStore>();
  const keep = async (id: string, field: string): Promise<'configured' | 'stored'> => {
    if (configuration.credentialIds.includes(id)) return 'configured';
    const record = await credentials.find(id, userId);
    if (record === null) throw unknown(field, 'credentials', id);
    foundCredentials.set(id, credentialOf(record.content));
    return 'stored';
  };
  for (const [end, settings] of Object.entries({ intakeSettings, outputSettings })) {
    const { dataStoreId = null, credentialId = null } = (settings ?? {}) as NamingSettings;
    const ofJob = credentialId === null ? null : await keep(credentialId, `${end}.credentialId`);
    if (dataStoreId === null || configuration.dataStoreIds.includes(dataStoreId)) continue;
    const record = await dataStores.find(dataStoreId, userId);
    if (record === null) throw unknown(`${end}.dataStoreId`, 'data store', dataStoreId);
    foundStores.set(dataStoreId, dataStoreOf(record.content, guard));
    const own = record.content.credentialId;
    const used = ofJob ?? (own === null ? null : await keep(own, `${end}.dataStoreId`));
    if (used === 'configured')
      throw new SluiceError(
        'CONFIG_INVALID',
        `job: ${end}.credentialId: credentials of the configuration are for its own data stores; give credentials of your own.`,
      );
  }
  return { ...context, configuration: withStored(configuration, foundCredentials, foundStores) };
}

function withStored(
  configuration: Configuration,
  credentials: ReadonlyMap<string, Credential>,
  stores: ReadonlyMap<string, DataStore>,
): Configuration {
  return {
    ...configuration,
    credential: (id, place) => credentials.get(id) ?? configuration.credential(id, place),
    dataStore: (id, place) => stores.get(id) ?? configuration.dataStore(id, place),
  };
}

function credentialOf(stored: StoredCredential): Credential {
  if (stored.credentialType === 'basic') {
    const { user, password } = stored;
    return { credentialType: 'basic', user, password: new Secret(password) };
  }
  const { awsAccessKeyId, awsSecretAccessKey, awsSessionToken } = stored;
  return {
    awsAccessKeyId,
    awsSecretAccessKey: new Secret(awsSecretAccessKey),
    awsSessionToken: awsSessionToken === null ? null : new Secret(awsSessionToken),
  };
}

function dataStoreOf({ jdbcUrl, credentialId }: StoredDataStore, guard: BodyContext['guard']): DataStore {
  return { jdbcUrl: new Secret(jdbcUrl), credentialId, jars: [], driverClass: null, guard };
}

function unknown(field: string, what: string, id: string): SluiceError {
  return new SluiceError(
    'CONFIG_INVALID',
    `job: ${field}: there are no ${what === 'credentials' ? what : `${what}s`} ${JSON.stringify(id.slice(0, 100))} of yours, nor of the server's.`,
  );
}
